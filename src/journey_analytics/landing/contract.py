"""A feed's contract as one SQL pass: texts in, typed columns and reasons out.

The query reads the relation `incoming` (see `readers.schema_of`) and gives one row per record: `_file_index,
_row_number, <landed columns>, _is_in_scope, _reasons, _refused_row, _notes`; names of the query's own begin with an
underscore, which no declared column can. `_reasons` is null for a row that keeps the contract; for any other it lists
everything that is wrong with it, and `_refused_row` is what quarantine may keep of the row: see `privacy`. What is
wrong, and what is only noted, stands in `rowrules`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Column, Source, landed_name
from journey_analytics.facts.paths import Route, parsed
from journey_analytics.landing.privacy import (
    cleaned,
    hinted,
    hmac_of,
    is_suspect,
    masked_url,
    one_word,
    pseudonymised,
    redacted,
    shape_of,
)
from journey_analytics.landing.properties import kept_properties
from journey_analytics.landing.rowrules import clamped, condition, literal, noted, text_of, unanswered, wrongs
from journey_analytics.landing.values import content, marked, money, score

# Raised when this module reads the same words differently, so that every feed is landed again.
CONTRACT_VERSION = 1

TYPES = {
    "text": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean", "date": "date",
    "timestamp": "timestamp", "epoch_seconds": "timestamp", "epoch_milliseconds": "timestamp",
    "epoch_microseconds": "timestamp", "url": "varchar", "properties": "json", "score": "bigint", "money": "bigint",
    "content": "varchar",
}  # fmt: skip

# Epochs outside 2000..2100 are another unit, or a zero that means never.
_EPOCHS = (946_684_800, 4_102_444_800)


def landing_columns(source: Source) -> dict[str, str]:
    """The columns of `landing.<source>` with their DuckDB types, in order."""
    columns = {name: "varchar" if column.personal else TYPES[column.type] for name, column in source.landed().items()}
    return {**columns, "file_id": "varchar", "row_number": "bigint"}


def contract_digest(source: Source, key: bytes | None) -> str:
    """A text that changes whenever the same file would land differently: the contract, its version, the key."""
    told = source.model_dump_json(exclude={"lands", "complete", "fetch", "required", "feed"})
    return hashlib.sha256(f"{CONTRACT_VERSION} {told} ".encode() + hashlib.sha256(key or b"").digest()).hexdigest()


def happened_at(source: Source) -> str:
    """When a landed row happened, as SQL over `landing.<source>`: a TIMESTAMP, or null where rows have no time."""
    return f"{quoted(source.event_time)}::timestamp" if source.event_time is not None else "null::timestamp"


def contract_query(source: Source) -> str:
    """The SELECT that types, checks and pseudonymises the records of one feed.

    Needs the variables `key_inner`, `key_outer` (the padded HMAC keys) where a column is personal, and `not_after`.
    """
    typed = [
        f"{landed_value(column, text_of(index), source)} as {quoted(landed_name(name, column))}"
        for index, (name, column) in enumerate(source.columns.items())
        if column.personal != "drop"
    ]
    wrong = list(wrongs(source))
    reasons = ", ".join(f"case when {holds} then {reason} end" for holds, reason in wrong)
    is_wrong = " or ".join(f"coalesce({holds}, false)" for holds, _ in wrong)
    scope = [condition(rule.when, source) for rule in source.out_of_scope]
    in_scope = " and ".join(f"not coalesce({holds}, false)" for holds in scope) or "true"
    names = ", ".join(clamped(source, name) for name in source.landed())
    return f"""
        with {_texts(source)},
        typed as (select *, {", ".join(typed)} from texts),
        judged as (select *, {is_wrong} as _is_refused from typed)
        select _file_index, _row_number, {names}, {in_scope} as _is_in_scope,
            case when _is_refused then list_filter([{reasons}], lambda reason: reason is not null) end as _reasons,
            case when _is_refused then {_refused_row(source)} end as _refused_row,
            {_notes(source)} as _notes
        from judged
    """


def _notes(source: Source) -> str:
    """What is worth counting of a row that is not refused: a list of {note, subject, follows, sample}, or null."""
    noted_of = list(noted(source))
    if not noted_of:
        return "null"
    any_holds = " or ".join(f"coalesce({holds}, false)" for holds, *_ in noted_of)
    notes = ", ".join(
        f"case when {holds} then {{'note': {literal(note)}, 'subject': {literal(subject)}, "
        f"'follows': {literal(follows)}, 'sample': {sample}}} end"
        for holds, note, subject, follows, sample in noted_of
    )
    listed = f"list_filter([{notes}], lambda note: note is not null)"
    return f"case when not _is_refused and ({any_holds}) then {listed} end"


def _texts(source: Source) -> str:
    """The CTE `texts`: the text of every declared column, and the problem of a record that has none."""
    values = texts_in(source, source.columns)
    if source.is_json:
        read = f"""select *, {_found(source, source.columns)} as _v,
                    case when problem is null then {keys_of_objects(source)} end as _keys
                from incoming"""
        problem = f"""case when problem is not null then problem
                when _v is null and trim(raw, E' \\t\\r\\n') = '' then 'is an empty line'
                when _v is null then 'is not JSON'
                when not starts_with(raw, '{{') and json_type(raw) <> 'OBJECT' then 'is not a JSON object'
                when {gives_a_key_twice("_keys")} then 'gives a key twice, so that nobody knows which value is meant'
                end"""
        suspect = is_suspect("raw", is_json=True)
    else:
        read, problem = "from incoming", "problem"
        landing = [f"t{index}" for index, column in enumerate(source.columns.values()) if is_text(column)]
        suspect = is_suspect(f"concat_ws(' ', {', '.join(landing)})") if landing else "false"
    texts = ", ".join(f"nullif({value}, '') as {text_of(index)}" for index, value in values.items())
    return f"""records as ({read}),
        texts as (
            select file_index as _file_index, row_number as _row_number, raw as _raw, {problem} as _problem,
                {suspect} as _is_suspect, {texts}
            from records)"""


def records_of(source: Source, needed: Collection[str]) -> str:
    """A SELECT of `incoming` in which `texts_in` finds the texts of the columns that are needed."""
    return f"select *, {_found(source, needed)} as _v from incoming" if source.is_json else "from incoming"


def texts_in(source: Source, needed: Collection[str]) -> dict[int, str]:
    """The texts of the columns that are needed, as SQL over `records_of`, by the places of the columns."""
    if not source.is_json:
        return {index: f"t{index}" for index, name in enumerate(source.columns) if name in needed}
    plain = _plain_paths(source, needed)
    columns = {index: each for index, each in enumerate(source.columns.items()) if each[0] in needed}
    return {index: _first_of(_routes(column, name), plain) for index, (name, column) in columns.items()}


def keys_of_objects(source: Source) -> str:
    """The keys of every object of a record that the declared columns pass through, each as often as it stands."""
    routes = [route for name, column in source.columns.items() for route in _routes(column, name)]
    objects = sorted({literal(each) for route in routes for each in route.objects})
    return f"try(json_keys(raw, [{', '.join(objects)}]))"


def gives_a_key_twice(keys: str) -> str:
    """Whether any list of a list of `keys_of_objects` holds one more than once."""
    return f"list_bool_or([len(keys) > len(list_distinct(keys)) for keys in {keys}])"


def _found(source: Source, needed: Collection[str]) -> str:
    listed = f"[{', '.join(map(literal, _plain_paths(source, needed)))}]::varchar[]"
    return f"case when problem is null then try(json_extract_string(raw, {listed})) end"


def _plain_paths(source: Source, needed: Collection[str]) -> list[str]:
    """The paths at which texts simply stand, each once."""
    routes = [route for name, column in source.columns.items() if name in needed for route in _routes(column, name)]
    return list(dict.fromkeys(route.in_duckdb for route in routes if route.entry is None))


def _routes(column: Column, name: str) -> list[Route]:
    return [parsed(path) for path in column.paths(name)]


def is_text(column: Column) -> bool:
    """Whether the column's text lands as such, so that an address could slip in with it."""
    return column.personal is None and column.type in ("text", "url", "properties")


def _first_of(routes: Sequence[Route], plain: Sequence[str]) -> str:
    """The text at the first of the routes that leads to one; the texts at the plain ones stand in `_v`."""
    texts = [
        f"_v[{plain.index(route.in_duckdb) + 1}]" if route.entry is None else f"try({_entry_value(route)})"
        for route in routes
    ]
    return texts[0] if len(texts) == 1 else "coalesce(" + ", ".join(f"nullif({text}, '')" for text in texts) + ")"


def _entry_value(route: Route) -> str:
    """What the entry of that name holds; of a value that is told by types, the one that is set."""
    entries, named = f"json_extract(raw, {literal(route.in_duckdb + '[*]')})", literal(str(route.entry))
    names = "e ->> 'key', e ->> 'name', e ->> 'field_name'"
    found = f"list_filter({entries}, lambda e: {named} in ({names}))[1]"
    told = f"list_filter(json_extract_string({found}, '$.value.*'), lambda value: value is not null)[1]"
    return f"case json_type({found}, '$.value') when 'OBJECT' then {told} else {found} ->> 'value' end"


def landed_value(column: Column, text: str, source: Source, suspect: str = "_is_suspect") -> str:
    """What a column's text lands as, as SQL; a code that means blank lands as nothing.

    `suspect` says of the row whether anything in its texts may have to be taken out: see `privacy`.
    """
    typed = _typed(column, text, source, suspect)
    return f"case when {unanswered(column, text)} then null else {typed} end" if column.not_answered else typed


def _typed(column: Column, text: str, source: Source, suspect: str) -> str:
    if column.personal == "email":
        return f"case when contains({text}, '@') then {hmac_of(text)} end"
    plain = marked(text, column.decimal)
    number = f"try_cast({plain} as double)"
    match column.type:
        case "integer":
            return f"case when regexp_full_match({text}, ' *[+-]?[0-9]+([.]0+)? *') then try_cast({text} as bigint) end"
        case "number":
            return f"case when isfinite({number}) and not contains({text}, '_') then {number} end"
        case "score":
            return score(text, str(column.scale))
        case "money":
            names = list(source.columns)
            held = text_of(names.index(str(column.currency))) if column.currency in names else None
            return money(text, column, held)
        case "content":
            return content(source)
        case "boolean":
            low = f"lower({text})"
            return f"case when {low} in ('true', '1') then true when {low} in ('false', '0') then false end"
        case "date":
            shaped = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ].*)?')"
            return f"case when {shaped} then try_cast(left({text}, 10) as date) end"
        case "timestamp":
            return _instant(text, source.time_zone or "UTC")
        case "epoch_seconds":
            return _epoch(number, 1)
        case "epoch_milliseconds":
            return _epoch(number, 1000)
        case "epoch_microseconds":
            return _epoch(number, 1_000_000)
        case "url":
            return masked_url(kept_address(text, column.keep_query), suspect)
        case "properties":
            closer = f"({suspect} or contains({text}, '\\u'))"
            return kept_properties(text, column.keep, closer, pairs=column.pairs)
        case _:
            return pseudonymised(text, suspect)


def _epoch(number: str, per_second: int) -> str:
    first, last = (bound * per_second for bound in _EPOCHS)
    moment = f"make_timestamp(({number} * {1_000_000 // per_second})::bigint)"
    return f"case when {number} between {first} and {last} then {moment} end"


def _instant(text: str, zone: str) -> str:
    """A stamp as UTC: its own offset counts; without one it is local to the feed's zone.

    Casts go through TIMESTAMPTZ but for the plain `...Z`, since DuckDB's cast to TIMESTAMP drops an offset without a
    word. A local time that the zone skips (clocks going forward) is no time.
    """
    plain, absolute = f"try_cast({text} as timestamp)", f"try_cast({text} as timestamptz)::timestamp"
    dated = f"{text} >= '0' and {text} < ':' and {text}[5] = '-'"
    if zone == "UTC":
        return f"case when not ({dated}) then null when suffix({text}, 'Z') then {plain} else {absolute} end"
    here = literal(zone)
    is_local = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}([T ][0-9:.]+)?')"
    exists = f"timezone({here}, timezone({here}, {plain})) = {plain}"
    return f"""case when not ({dated}) then null when suffix({text}, 'Z') then {plain}
        when not {is_local} then case when contains({text}, ':') then {absolute} end
        when {exists} then timezone({here}, {plain})::timestamp end"""


def kept_address(text: str, keep: tuple[str, ...]) -> str:
    """The address without its query and fragment, but for the parameters that are kept."""
    bare = f"split_part(split_part({text}, '#', 1), '?', 1)"
    kept = ", ".join(_parameter(f"split_part({text}, '#', 1)", name) for name in keep)
    whole = f"concat_ws('?', {bare}, nullif(concat_ws('&', {kept}), ''))" if keep else bare
    return f"case when contains({text}, '?') then {whole} when contains({text}, '#') then {bare} else {text} end"


def _parameter(address: str, name: str) -> str:
    """The first `name=value` of an address's query; null where there is none. A query may begin with ? or go on so."""
    place = f"instr(replace({address}, '?', '&'), {literal(f'&{name}=')})"
    return f"case when {place} > 0 then split_part(substr({address}, {place} + 1), '&', 1) end"


def _refused_row(source: Source) -> str:
    """What quarantine keeps: the declared columns as JSON, or the shape of a record that could not be read."""
    parts = []
    for index, (name, column) in enumerate(source.columns.items()):
        text = text_of(index)
        if column.personal == "email":
            kept = hmac_of(text)
        elif column.personal == "drop":
            kept = f"case when {text} is not null then '[personal]' end"
        elif column.type == "properties":
            kept = redacted(f"{quoted(name)}::varchar")
        elif column.type == "url":
            kept = redacted(kept_address(text, column.keep_query))
        elif column.type == "text":
            kept = one_word(text) if column.values else redacted(text)
        else:
            kept = f"case when {quoted(name)} is null then {hinted(text)} else {redacted(text)} end"
        parts.append(f"{literal(name)}, left({kept}, 500)")
    read = f"json_object({', '.join(parts)})::varchar"
    return f"case when _problem is null then {read} else left({shape_of(cleaned('_raw'))}, 2000) end"
