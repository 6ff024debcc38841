"""A feed's contract as one SQL pass: texts in, typed columns and reasons out.

The query reads the relation `incoming` (see `readers.schema_of`) and gives one row per record:
`file_index, row_number, <landed columns>, is_in_scope, reasons, refused_row`. `reasons` is null for a row that keeps the
contract; for any other it lists everything that is wrong with it, and `refused_row` is what quarantine may keep of the row:
personal columns masked, e-mail addresses, phone numbers and IP addresses redacted everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator

from journey_analytics.expressions import checked_condition, quoted
from journey_analytics.feeds import Column, Source, landed_name

EARLIEST = "2000-01-01"
AS_OF = {"as_of": "getvariable('not_after')"}

TYPES = {
    "text": "varchar", "integer": "bigint", "number": "double", "boolean": "boolean", "date": "date", "timestamp": "timestamp",
    "epoch_seconds": "timestamp", "epoch_milliseconds": "timestamp", "url": "varchar",
}  # fmt: skip

_SHOWN = {
    "integer": "a whole number", "number": "a finite number", "boolean": "true or false", "date": "a date such as 2026-03-04",
    "timestamp": "a time such as 2026-03-04T05:06:07Z", "epoch_seconds": "seconds since 1970",
    "epoch_milliseconds": "milliseconds since 1970",
}  # fmt: skip


def landing_columns(source: Source) -> dict[str, str]:
    """The columns of `landing.<source>` with their DuckDB types, in order."""
    columns = {name: "varchar" if column.personal else TYPES[column.type] for name, column in source.landed().items()}
    return {**columns, "file_id": "varchar", "row_number": "bigint"}


def happened_at(source: Source) -> str:
    """When a landed row happened, as SQL over the columns of `landing.<source>`: a TIMESTAMP, or null where rows have no time."""
    return f"{quoted(source.event_time)}::timestamp" if source.event_time is not None else "null::timestamp"


def contract_query(source: Source) -> str:
    """The SELECT that types, checks and pseudonymises the records of one feed.

    Needs the variables `key_inner`, `key_outer` (the padded HMAC keys) where a column is personal, and `not_after`.
    """
    columns = list(source.columns.items())
    typed = [f"{_typed(column, _text(index), source)} as {quoted(landed_name(name, column))}"
             for index, (name, column) in enumerate(columns) if column.personal != "drop"]  # fmt: skip
    wrong = list(_wrongs(source))
    reasons = ", ".join(f"case when {condition} then {reason} end" for condition, reason in wrong)
    is_wrong = " or ".join(f"coalesce({condition}, false)" for condition, _ in wrong)
    scope = [checked_condition(rule.when, source.landed(), settings=AS_OF) for rule in source.out_of_scope]
    in_scope = " and ".join(f"not coalesce({condition}, false)" for condition in scope) or "true"
    names = ", ".join(quoted(name) for name in source.landed())
    return f"""
        with {_texts(source)},
        typed as (select *, {", ".join(typed)} from texts),
        judged as (select *, {is_wrong} as is_refused from typed)
        select file_index, row_number, {names}, {in_scope} as is_in_scope,
            case when is_refused then list_filter([{reasons}], lambda reason: reason is not null) end as reasons,
            case when is_refused then {_refused_row(source)} end as refused_row
        from judged
    """


def hmac_of(text: str) -> str:
    """HMAC-SHA-256 of an e-mail address, lower-cased and trimmed, as hexadecimal; null stays null."""
    normal = f"encode(lower(trim({text})))"
    return f"sha256(getvariable('key_outer') || unhex(sha256(getvariable('key_inner') || {normal})))"


def padded_keys(key: bytes) -> tuple[bytes, bytes]:
    """(inner, outer) key blocks of HMAC-SHA-256; source: RFC 2104."""
    block = key.ljust(64, b"\0")
    return bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)


def redacted(text: str) -> str:
    """A text with e-mail addresses, IP addresses and phone numbers replaced by what they were."""
    mail = f"regexp_replace({text}, '[A-Za-z0-9._%+-]+(@|%40)[A-Za-z0-9.-]+', '[e-mail]', 'g')"
    address = f"regexp_replace({mail}, '\\b[0-9]{{1,3}}(\\.[0-9]{{1,3}}){{3}}\\b', '[ip]', 'g')"
    return f"regexp_replace({address}, '\\+[0-9][0-9 ()/-]{{6,}}[0-9]', '[phone]', 'g')"


def _text(index: int) -> str:
    return f"t{index}"


def _texts(source: Source) -> str:
    """The CTE `texts`: the text of every declared column, and the problem of a record that has none."""
    count = len(source.columns)
    base = "select file_index, row_number, problem, raw"
    if source.format != "jsonl":
        return f"texts as ({base}, " + ", ".join(f"nullif(t{index}, '') as t{index}" for index in range(count)) + " from incoming)"
    paths = ", ".join(_json_path(column.from_ or name) for name, column in source.columns.items())
    texts = ", ".join(f"nullif(v[{index + 1}], '') as t{index}" for index in range(count))
    return f"""parsed as (
            select file_index, row_number, raw,
                case when problem is not null then problem when raw = '' then 'is an empty line'
                    when not json_valid(raw) then 'is not JSON' when json_type(raw) <> 'OBJECT' then 'is not a JSON object'
                end as problem
            from incoming),
        extracted as (select *, case when problem is null then json_extract_string(raw, [{paths}]) end as v from parsed),
        texts as ({base}, {texts} from extracted)"""


def _json_path(name: str) -> str:
    path = "$" + "".join(f'."{part}"' for part in name.split("."))
    return "'" + path.replace("'", "''") + "'"


def _typed(column: Column, text: str, source: Source) -> str:
    if column.personal == "email":
        return hmac_of(text)
    match column.type:
        case "integer":
            return f"case when regexp_full_match({text}, '[+-]?[0-9]+') then try_cast({text} as bigint) end"
        case "number":
            return f"case when isfinite(try_cast({text} as double)) then try_cast({text} as double) end"
        case "boolean":
            return f"case lower({text}) when 'true' then true when '1' then true when 'false' then false when '0' then false end"
        case "date":
            return f"try_cast({text} as date)"
        case "timestamp":
            return _instant(text, source.time_zone)
        case "epoch_seconds":
            return f"case when try_cast({text} as double) between 0 and 1e11 then make_timestamp((try_cast({text} as double) * 1e6)::bigint) end"
        case "epoch_milliseconds":
            return f"case when try_cast({text} as double) between 0 and 1e14 then make_timestamp((try_cast({text} as double) * 1e3)::bigint) end"
        case "url":
            return _url(text, column.keep_query)
        case _:
            return text


def _instant(text: str, zone: str) -> str:
    """A stamp as UTC: its own offset counts; without one it is local to the feed's zone.

    The cast goes through TIMESTAMPTZ, since DuckDB's cast to TIMESTAMP drops an offset without a word.
    """
    absolute = f"try_cast({text} as timestamptz)::timestamp"
    if zone == "UTC":
        return absolute
    local = f"(timezone('{zone}', try_cast({text} as timestamp)))::timestamp"
    return f"case when regexp_matches({text}, '(Z|[+-][0-9]{{2}}:?[0-9]{{2}}|[+-][0-9]{{2}})$') and contains({text}, ':') then {absolute} else {local} end"


def _url(text: str, keep: tuple[str, ...]) -> str:
    """The address without its query and fragment, but for the parameters that are kept."""
    bare = f"regexp_replace({text}, '[?#].*$', '')"
    if not keep:
        return bare
    kept = ", ".join(
        f"nullif(regexp_extract({text}, '[?&]({_regex_literal(name)}=[^&#]*)', 1), '')" for name in keep
    )
    return f"case when contains({text}, '?') then concat_ws('?', {bare}, nullif(concat_ws('&', {kept}), '')) else {bare} end"


def _regex_literal(name: str) -> str:
    return "".join(character if character.isalnum() or character == "_" else f"\\{character}" for character in name).replace("'", "''")


def _wrongs(source: Source) -> Iterator[tuple[str, str]]:
    """(condition, reason) pairs: everything that can be wrong with a row of this feed."""
    yield "problem is not null", "problem"
    readable = "problem is null and "
    for index, (name, column) in enumerate(source.columns.items()):
        text, landed = _text(index), quoted(landed_name(name, column))
        if column.required:
            yield f"{readable}{text} is null", _quote(f"{name} is missing")
        if column.type in _SHOWN and column.personal is None:
            yield (
                f"{text} is not null and {landed} is null",
                f"{_quote(f'{name} is not {_SHOWN[column.type]}: ')} || left({redacted(text)}, 60)",
            )
        if column.values and column.on_new_value == "reject":
            allowed = ", ".join(_quote(value) for value in column.values)
            yield (
                f"{text} not in ({allowed})",
                f"{_quote(f'{name} has a value that is not allowed: ')} || left({redacted(text)}, 60)",
            )
    if source.event_time is not None:
        event_time = quoted(source.event_time)
        yield f"{event_time} < timestamp '{EARLIEST}'", _quote(f"{source.event_time} lies before {EARLIEST}")
        yield f"{event_time} > getvariable('not_after')", _quote(f"{source.event_time} lies in the future")
    for rule in source.rows:
        yield checked_condition(rule.refuse, source.landed(), settings=AS_OF), _quote(rule.because)


def _refused_row(source: Source) -> str:
    """What quarantine keeps: the declared columns as JSON, or the redacted text of a record that could not be read."""
    parts = []
    for index, (name, column) in enumerate(source.columns.items()):
        text = _text(index)
        if column.personal == "email":
            text = hmac_of(text)
        elif column.personal == "drop":
            text = f"case when {text} is not null then '[personal]' end"
        elif column.type == "url":
            text = _url(text, column.keep_query)
        parts.append(f"{_quote(name)}, left({text}, 500)")
    whole = redacted(f"json_object({', '.join(parts)})::varchar")
    return f"case when problem is null then {whole} else left({redacted('raw')}, 2000) end"


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
