"""What can be wrong with a row, and what is worth counting although nothing is: conditions and words, as SQL.

A row that any condition of `wrongs` holds of is refused, with every reason. What `noted` names refuses no row; it
is counted file by file in `ops.load_notes`. Both read the texts `_t0, _t1, …` and the typed columns of one SELECT.
"""

from __future__ import annotations

from collections.abc import Iterator

from journey_analytics.facts.contracts import SCALES
from journey_analytics.facts.expressions import checked_condition, quoted
from journey_analytics.facts.feeds import Column, Source, landed_name
from journey_analytics.landing.privacy import hinted, one_word, redacted
from journey_analytics.landing.values import scale_in_words

LANDS = "_reasons is null and _is_in_scope"
"""What holds of a staged row that lands, unless another row has its key."""

AS_OF = {"as_of": "getvariable('not_after')"}
_SHOWN = {
    "integer": "a whole number", "number": "a finite number", "boolean": "true or false",
    "date": "a date such as 2026-03-04", "timestamp": "a time such as 2026-03-04T05:06:07Z",
    "epoch_seconds": "seconds since 1970", "epoch_milliseconds": "milliseconds since 1970",
    "epoch_microseconds": "microseconds since 1970",
    "score": "a whole point", "money": "an amount",
}  # fmt: skip

# What systems write when they have nothing to say.
_NOTHING = "('', 'null', 'n/a', 'nan', 'undefined')"
_LOCAL = "'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([T ][0-9:.]+)?'"


def text_of(index: int) -> str:
    """The text of the declared column at this place."""
    return f"_t{index}"


def condition(text: str, source: Source) -> str:
    """A condition of the YAML; where it cannot be worked out for a row, it does not hold of it."""
    return f"try({checked_condition(text, source.landed(), settings=AS_OF)})"


def literal(text: str) -> str:
    """A text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def unanswered(column: Column, text: str) -> str:
    """Whether the text is a code that means blank: it lands as null, and is counted."""
    return f"{text} in ({', '.join(literal(code) for code in column.not_answered)})" if column.not_answered else "false"


def wrongs(source: Source) -> Iterator[tuple[str, str]]:
    """(condition, reason) pairs: everything that can be wrong with a row of this feed."""
    yield "_problem is not null", "_problem"
    yield from _new_columns(source)
    for index, (name, column) in enumerate(source.columns.items()):
        yield from _wrong_values(source, name, column, text_of(index))
    if source.event_time is not None:
        event_time, earliest = quoted(source.event_time), source.plausible.after
        yield f"{event_time} < timestamp '{earliest}'", literal(f"{source.event_time} lies before {earliest}")
        yield f"{event_time} > getvariable('not_after')", literal(f"{source.event_time} lies in the future")
    for rule in source.rows:
        yield f"_problem is null and {condition(rule.refuse, source)}", literal(rule.because)


def _new_columns(source: Source) -> Iterator[tuple[str, str]]:
    """What a row is refused for where the contract refuses rows with a column that it does not list."""
    if source.on_new_column != "reject_row":
        return
    if source.is_json:
        holds = f"coalesce(len({_unlisted_keys(source)}), 0) > 0"
        yield holds, f"'holds keys that the contract does not list: ' || {_shown_keys(source)}"
    else:
        holds = "list_contains(getvariable('files_with_new_columns'), _file_index)"
        yield holds, "'stands in a file with a column that the contract does not list'"


def _unlisted_keys(source: Source) -> str:
    """The keys of a JSON object that the contract neither lists nor ignores, as SQL: a list, or null."""
    paths = [path for name, column in source.columns.items() for path in column.paths(name)]
    known = sorted({path.partition(".")[0].partition("[")[0] for path in paths} | set(source.ignored))
    listed = ", ".join(literal(key) for key in known)
    return f"list_filter(case when _problem is null then try(json_keys(_raw)) end, lambda key: key not in ({listed}))"


def _shown_keys(source: Source) -> str:
    return f"left({redacted(f'array_to_string(list_sort({_unlisted_keys(source)}), chr(44))')}, 60)"


def noted(source: Source) -> Iterator[tuple[str, str, str, str, str]]:
    """(condition, note, subject, what follows, sample) of what is counted of a row that lands.

    `note` is a kind of ops.load_notes, `subject` the column, `what follows` one of ON_NEW; `sample` is SQL.
    """
    if source.is_json and source.on_new_column not in (None, "reject_row"):
        holds = f"coalesce(len({_unlisted_keys(source)}), 0) > 0"
        yield holds, "new_column", "keys", str(source.on_new_column), _shown_keys(source)
    for index, (name, column) in enumerate(source.columns.items()):
        text, landed = text_of(index), quoted(landed_name(name, column))
        shown = _shown(column, text)
        if column.not_answered:
            yield unanswered(column, text), "not_answered", name, "evolve", shown
        follows: str = column.on_new_value or source.on_new_value
        if column.values and follows != "reject_row":
            yield _is_new_value(column, text), "new_value", name, follows, shown
        follows = _on_new_type(column, source)
        if column.type in _SHOWN and column.personal is None and follows != "reject_row":
            yield _is_unlike(column, text, landed), "new_type", name, follows, shown
    if source.event_time is not None:
        event_time = quoted(source.event_time)
        ahead = f"{event_time} > getvariable('night_at')"
        yield ahead, "clamped_time", source.event_time, "evolve", f"{event_time}::varchar"
        if source.columns[source.event_time].type == "timestamp" and source.time_zone not in (None, "UTC"):
            twice = _is_told_twice(text_of(list(source.columns).index(source.event_time)), event_time, source)
            yield twice, "ambiguous_time", source.event_time, "evolve", f"{event_time}::varchar"


def clamped(source: Source, name: str) -> str:
    """A landed column's SQL: the event time no later than the night's start, any other as it is."""
    if name != source.event_time:
        return quoted(name)
    kind = "date" if source.columns[name].type == "date" else "timestamp"
    night = f"getvariable('night_at')::{kind}"
    return f"case when {quoted(name)} > {night} then {night} else {quoted(name)} end as {quoted(name)}"


def _wrong_values(source: Source, name: str, column: Column, text: str) -> Iterator[tuple[str, str]]:
    """What can be wrong with one column's value."""
    landed = quoted(landed_name(name, column))
    shown = _shown(column, text)
    if column.required:
        yield f"_problem is null and ({_is_missing(column, text, landed)})", literal(f"{name} is missing")
    if column.type in _SHOWN and column.personal is None and _on_new_type(column, source) == "reject_row":
        unlike = _is_unlike(column, text, landed)
        if column.type == "timestamp" and source.time_zone is None:
            unlike = f"{unlike} and not coalesce(regexp_full_match({text}, {_LOCAL}), false)"
        yield unlike, f"{literal(f'{name} is not {_in_words(column)}: ')} || {shown}"
    if column.type == "properties":
        unlike = f"{text} is not null and {landed} is null"
        yield unlike, literal(f"{name} is not a JSON object or a list of objects")
    if column.type == "timestamp" and source.time_zone is None:
        local = f"regexp_full_match({text}, {_LOCAL})"
        yield local, f"{literal(f'{name} names no time zone, and neither does the feed: ')} || {shown}"
    if column.values and (column.on_new_value or source.on_new_value) == "reject_row":
        yield _is_new_value(column, text), f"{literal(f'{name} has a value that is not allowed: ')} || {shown}"
    if column.at_least is not None:
        yield f"{landed} < {column.at_least!r}", f"{literal(f'{name} is below {column.at_least:g}: ')} || {shown}"
    if column.at_most is not None:
        yield f"{landed} > {column.at_most!r}", f"{literal(f'{name} is above {column.at_most:g}: ')} || {shown}"
    if column.scale is not None:
        low, high = SCALES[column.scale]
        outside = literal(f"{name} lies outside {scale_in_words(column.scale)}: ")
        yield f"{landed} not between {low} and {high}", f"{outside} || {shown}"


def _shown(column: Column, text: str) -> str:
    """A value as a reason or a note may show it."""
    return f"left({one_word(text) if column.type == 'text' else hinted(text)}, 60)"


def _in_words(column: Column) -> str:
    if column.scale is not None:
        return f"{_SHOWN['score']} of {scale_in_words(column.scale)}"
    if column.type == "money":
        return f"an amount in {column.unit} units of its currency"
    return _SHOWN[column.type]


def _on_new_type(column: Column, source: Source) -> str:
    """A required column and the event time must hold: a row without them means nothing."""
    return "reject_row" if column.required or column.event_time else column.on_new_type or source.on_new_type


def _is_unlike(column: Column, text: str, landed: str) -> str:
    unlike = f"{text} is not null and {landed} is null"
    return f"{unlike} and not {unanswered(column, text)}" if column.not_answered else unlike


def _is_new_value(column: Column, text: str) -> str:
    return f"{text} not in ({', '.join(literal(value) for value in (*(column.values or ()), *column.not_answered))})"


def _is_missing(column: Column, text: str, landed: str) -> str:
    if column.personal == "email":
        return f"{landed} is null"
    if column.type in ("text", "url"):
        may_say_nothing = f"(strlen({text}) < 10 or contains({text}, ' '))"  # spares most ids the rest
        return f"{text} is null or ({may_say_nothing} and lower(trim({text})) in {_NOTHING})"
    return f"{text} is null"


def _is_told_twice(text: str, event_time: str, source: Source) -> str:
    """Whether a local stamp names two instants, an hour apart, because the clocks went back."""
    zone = literal(source.time_zone or "UTC")
    local = f"timezone({zone}, {event_time}::timestamptz)"
    earlier = f"timezone({zone}, ({event_time} - interval 1 hour)::timestamptz)"
    return f"regexp_full_match({text}, {_LOCAL}) and {earlier} = {local}"
