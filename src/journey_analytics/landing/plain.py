"""Rows that nothing can be wrong with, told apart by cheap tests: the fast way into the landing table.

The two queries read the relation `incoming`, as `contract.contract_query` does, and build on the same expressions.
Being plain is never decided in doubt; a row that is not plain goes through the contract, whatever it turns out to be.
"""

from __future__ import annotations

from collections.abc import Mapping

from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Column, Source, landed_name
from journey_analytics.landing.arrivals import is_late
from journey_analytics.landing.contract import (
    is_text,
    kept_address,
    keys_of_objects,
    landed_value,
    landing_columns,
    records_of,
    texts_in,
)
from journey_analytics.landing.privacy import is_suspect, masked_url
from journey_analytics.landing.rowrules import clamped, condition, noted, text_of, wrongs


def plain_query(source: Source) -> str:
    """The SELECT of `_plain_file, _row_number, <landed columns>`: the file of a plain row, null for any other.

    Plain is a row that can be read, is in scope, has nothing wrong with it and nothing to note, and in whose texts
    nothing would have to be taken out. Its columns are those of `contract.contract_query`.
    """
    values = texts_in(source, source.columns)
    typed = [
        f"{_plain_value(column, index, source)} as {quoted(landed_name(name, column))}"
        for index, (name, column) in enumerate(source.columns.items())
        if column.personal != "drop"
    ]
    kept = [
        f"{kept_address(text_of(index), column.keep_query)} as _u{index}"
        for index, column in enumerate(source.columns.values())
        if column.type == "url"
    ]
    against = ["_is_suspect", *(holds for holds, _ in wrongs(source))]
    against += [holds for holds, *_ in noted(source)]
    against += [condition(rule.when, source) for rule in source.out_of_scope]
    against.append(is_late(source))
    speaks_against = " ".join(f"when {holds} then null" for holds in against)
    return f"""
        with records as ({records_of(source, source.columns)}),
        texts as (
            select file_index as _file_index, row_number as _row_number, raw as _raw,
                {_problem(source)} as _problem, {_suspect(source, values)} as _is_suspect,
                {", ".join(f"nullif({value}, '') as {text_of(index)}" for index, value in values.items())}
            from records),
        addresses as (select {", ".join(["*", *kept])} from texts),
        typed as (select *, {", ".join(typed)} from addresses)
        select case {speaks_against} else _file_index end as _plain_file, _row_number,
            {", ".join(quoted(name) for name in source.landed())}
        from typed
    """


def _plain_value(column: Column, index: int, source: Source) -> str:
    """What the text of a plain row lands as; of a URL, `_u<index>` is what is kept."""
    if column.type == "url" and not column.not_answered:
        return masked_url(f"_u{index}", "false")
    return landed_value(column, text_of(index), source, "false")


def key_query(source: Source) -> str:
    """The SELECT of `_file_index, _row_number, _key_hash, _shape` of every row.

    `_key_hash` is null where a part of the row's key is; `_shape` is the same for JSON records with the same keys.
    """
    is_of_others = any(source.columns[name].type in ("money", "content") for name in source.key)
    needed = source.columns if is_of_others else source.key
    values = texts_in(source, needed)
    columns = {index: each for index, each in enumerate(source.columns.items()) if each[0] in source.key}
    texts = ", ".join([text_of(index) for index, (_, column) in columns.items() if is_text(column)])
    suspect = is_suspect(f"concat_ws(' ', {texts})") if texts else "false"
    typed = [
        f"{landed_value(column, text_of(index), source)} as {quoted(landed_name(name, column))}"
        for index, (name, column) in columns.items()
    ]
    landed = [clamped(source, landed_name(name, column)) for name, column in columns.values()]
    shape = f"hash({keys_of_objects(source)})" if source.is_json else "0::ubigint"
    return f"""
        with records as ({records_of(source, needed)}),
        texts as (
            select file_index as _file_index, row_number as _row_number, {shape} as _shape,
                {", ".join(f"nullif({value}, '') as {text_of(index)}" for index, value in values.items())}
            from records),
        looked as (select *, {suspect} as _is_suspect from texts),
        typed as (select {", ".join(["_file_index", "_row_number", "_shape", *typed])} from looked),
        landing as (select {", ".join(["_file_index", "_row_number", "_shape", *landed])} from typed)
        select _file_index, _row_number, {key_hash(source)} as _key_hash, _shape
        from landing
    """


def key_hash(source: Source) -> str:
    """A number that is the same for rows with the same key, over landed columns; null where a part of it is."""
    names = [landed_name(name, source.columns[name]) for name in source.key]
    kinds = landing_columns(source)
    parts = ", ".join(f"{quoted(name)}::{kinds[name]}" for name in names)
    whole = " and ".join(f"{quoted(name)} is not null" for name in names)
    return f"case when {whole} then hash({parts}) end" if names else "null::ubigint"


def _problem(source: Source) -> str:
    if not source.is_json:
        return "problem"
    return "case when problem is not null or _v is null or not starts_with(raw, '{') then 'is odd' end"


def _suspect(source: Source, values: Mapping[int, str]) -> str:
    """Whether the texts that land may hold something that must not; with nested ones, whether the record may."""
    texts = [values[index] for index, column in enumerate(source.columns.values()) if is_text(column)]
    if source.is_json and any(column.type == "properties" for column in source.columns.values()):
        return is_suspect("raw", is_json=True)
    return is_suspect(f"concat_ws(' ', {', '.join(texts)})") if texts else "false"
