"""What judging needs to see: the SQL that fetches the feeds' profiles, a table's frame, or counts what does not hold.

Two ways to the same counts. A small table is fetched (frame_sql) and Great Expectations looks at every row; a large
one is counted here (count_sql), because only a few numbers need to leave the database. Both speak of the same
renderings of a column: as it is (unique), as a number (between), as text (values), as filled or not (not_null).

What is counted: for `unique` every row that shares its key with another (rows whose key is empty throughout are left
out); for `not_null` every empty value, column by column; for `between` every value outside, and every value that is
not a finite number; for `values` every value not listed. Empty values are left out of the last two.
"""

from __future__ import annotations

from collections.abc import Sequence

from journey_analytics.facts.expectations import ModelCheck, as_text
from journey_analytics.facts.expressions import quoted

FEED_DAYS = """
    select source, strftime(on_date, '%Y-%m-%d') as on_date, rows_vs_same_weekday
    from ops.feed_days
    where (getvariable('as_of') is null or on_date < getvariable('as_of')::timestamp)
        and (
            getvariable('as_of') is null or getvariable('judged_days') is null
            or on_date >= getvariable('as_of')::timestamp
                - to_seconds(getvariable('judged_days')::double * 86400)
        )
    order by on_date, source
"""


def table_name(table: str) -> str:
    """'marts.paths' as an SQL name, schema and table in double quotes each."""
    return ".".join(map(quoted, table.split(".")))


def rendered_name(check: ModelCheck, column: str) -> str:
    """How the column is called in the frame that frame_sql fetches."""
    suffix = {"between": " as number", "values": " as text", "not_null": " is filled"}.get(check.expect, "")
    return f"{column}{suffix}"


def frame_sql(table: str, checks: Sequence[ModelCheck]) -> str:
    """SELECT the columns that the checks speak of, each rendered as its check needs it, in a total order."""
    rendered = {
        rendered_name(check, column): _rendered(check, column) for check in checks for column in check.judged_columns
    }
    columns = ", ".join(f"{sql} as {quoted(name)}" for name, sql in rendered.items())
    return f"select {columns} from {table_name(table)} order by all"


def count_sql(table: str, checks: Sequence[ModelCheck]) -> str:
    """SELECT one row: n_rows, and per check (by position, from 0) unexpected_<position> and judged_<position>."""
    counts = ["count(*) as n_rows"]
    for position, check in enumerate(checks):
        unexpected, judged = _counts(table, check)
        counts += [f"{unexpected} as unexpected_{position}", f"{judged} as judged_{position}"]
    return f"select {', '.join(counts)} from {table_name(table)}"


def _rendered(check: ModelCheck, column: str) -> str:
    name = quoted(column)
    if check.expect == "between":  # not a number would look empty in a frame: it is shown as infinite, which is outside
        return f"case when isnan({name}::double) then 'infinity'::double else {name}::double end"
    if check.expect == "not_null":  # for the same reason: only what the database calls empty is empty
        return f"case when {name} is not null then 1 end"
    return f"{name}::varchar" if check.expect == "values" else name


def _counts(table: str, check: ModelCheck) -> tuple[str, str]:
    """Two aggregates: how many do not hold, of how many."""
    names = [quoted(column) for column in check.judged_columns]
    if check.expect == "unique":
        filled = " or ".join(f"{name} is not null" for name in names)
        groups = f"select count(*) as n_rows from {table_name(table)} where {filled} group by {', '.join(names)}"
        shared = f"(select coalesce(sum(n_rows), 0) from ({groups}) where n_rows > 1)"
        return shared, f"count(*) filter (where {filled})"
    if check.expect == "not_null":
        empty = " + ".join(f"count(*) filter (where {name} is null)" for name in names)
        return empty, f"{len(names)} * count(*)"
    value = _rendered(check, check.judged_columns[0])
    if check.expect == "values":
        listed = ", ".join("'" + as_text(allowed).replace("'", "''") + "'" for allowed in check.values or ())
        return f"count(*) filter (where {value} not in ({listed}))", f"count({value})"
    inside = [f"isfinite({value})"]
    inside += [f"{value} >= {check.at_least!r}::double"] if check.at_least is not None else []
    inside += [f"{value} <= {check.at_most!r}::double"] if check.at_most is not None else []
    return f"count(*) filter (where not ({' and '.join(inside)}))", f"count({value})"
