"""Where a funnel's events come from: a file of any kind, a published database, a notebook's connection or data frame.

Nothing is guessed from the first rows: text is read as text, and every row that cannot be used is counted and told.
"""

from __future__ import annotations

import csv
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from journey_analytics.errors import ConfigError, InputError
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels.log import NEEDED, Log
from journey_analytics.warehouse import DatabaseError, Warehouse, in_memory, open_published

TABLE = "funnel_events"
ROW = "row_number"
PUBLISHED = "journeys.events"
_ALSO_CALLED = {
    "customer_id": ("user_id", "distinct_id", "customer", "visitor_id", "anonymous_id", "client_id", "id"),
    "event_at": ("timestamp", "event_time", "time", "ts", "created_at", "date", "occurred_at"),
    "event_name": ("event", "name", "event_type", "type", "action"),
}
_READABLE = "a .csv, .tsv, .jsonl, .ndjson, .parquet or .duckdb file; .csv and .jsonl also as .gz"


@dataclass(frozen=True)
class Opened:
    """A log that is ready to be asked, and what was left out of it on the way."""

    warehouse: Warehouse
    log: Log
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Names:
    """What the input calls the three columns that every funnel needs."""

    customer_id: str = "customer_id"
    event_at: str = "event_at"
    event_name: str = "event_name"


def open_events(path: Path, names: Names = Names(), *, table: str | None = None) -> Opened:
    """Open a file of events.

    Parameters
    ----------
    path : CSV, JSON lines, Parquet or DuckDB; one that this project published is read as it is
    names : the columns that hold customer, time and event name; any other column keeps its name
    table : which table of a DuckDB file

    Raises
    ------
    ConfigError : there is no such file, table or column
    InputError : the file is not what its name says, or none of its rows has a time
    """
    if not path.is_file():
        raise ConfigError("is no file", where=str(path), allowed=_READABLE)
    kind = "".join(path.suffixes[-2:] if path.suffix == ".gz" else path.suffixes[-1:]).lower()
    if kind in (".duckdb", ".db", ".ddb"):
        return open_database(open_published(path), names, table=table)
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".csv.gz": _csv, ".jsonl": _json, ".ndjson": _json,
               ".jsonl.gz": _json, ".ndjson.gz": _json, ".parquet": _parquet}  # fmt: skip
    if kind not in readers:
        raise ConfigError(f"ends in '{path.suffix}', which is no kind of log", where=path.name, allowed=_READABLE)
    warehouse = in_memory()
    try:
        source, columns = readers[kind](warehouse, path)
        return _taken_in(warehouse, source, columns, names)
    except DatabaseError as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", where=path.name, allowed=_READABLE) from error


def open_database(warehouse: Warehouse, names: Names = Names(), *, table: str | None = None) -> Opened:
    """Find the events in a database that is open: the published ones, else the only table that could hold events.

    Raises
    ------
    ConfigError : there is no such table, or more than one
    """
    tables = [
        f"{row['schema_name']}.{row['table_name']}"
        for row in warehouse.rows(
            "select schema_name, table_name from duckdb_tables() where not internal and not temporary union all "
            "select schema_name, view_name from duckdb_views() where not internal and not temporary order by all"
        )
    ]
    if table is None and PUBLISHED in tables and names == Names():
        return published(warehouse)
    wanted = table if table is None or "." in table else f"main.{table}"
    found = [each for each in tables if wanted is None or each == wanted]
    if wanted is None and len(found) > 1:
        found = [each for each in found if {names.customer_id, names.event_at} <= set(_columns(warehouse, each))]
    if len(found) != 1:
        raise ConfigError(
            f"{'no' if not found else 'more than one'} table could hold the events"
            if wanted is None else f"there is no table {table}",
            allowed=", ".join(tables) or "a database with a table", do="name it with --table SCHEMA.TABLE",
        )  # fmt: skip
    schema, _, name = found[0].partition(".")
    return _taken_in(warehouse, f"{quoted(schema)}.{quoted(name)}", _columns(warehouse, found[0]), names)


def open_frame(frame: Any, names: Names = Names()) -> Opened:
    """Take in a pandas DataFrame or an Arrow table."""
    warehouse = in_memory()
    with warehouse.offered("offered_frame", frame):
        return _taken_in(warehouse, "offered_frame", _columns(warehouse, "offered_frame"), names)


def published(warehouse: Warehouse) -> Opened:
    """The events of a published file, in place: bots, staff and events without a customer left out."""
    columns = _columns(warehouse, PUBLISHED)
    rates = warehouse.rows("select currency, rate from rules.exchange_rates order by currency")
    of_currency = " ".join(f"when '{row['currency']}' then {row['rate']!r}" for row in rates)
    shop = warehouse.scalar("select value from rules.settings where name = 'shop_currency'")
    in_shops = f"case coalesce(currency, '{shop}') {of_currency} end" if rates else "1"
    paid = f"case when is_conversion or revenue_minor < 0 then cast(round(revenue_minor * {in_shops}) as bigint) end"
    return Opened(
        warehouse,
        Log(PUBLISHED, columns, ("event_id", "source"), left_out="is_bot or is_internal",
            made={"revenue_minor": paid}, sorted_by=("customer_id", "event_at", "event_id", "source")),
    )  # fmt: skip


def with_journeys(log: Log, funnel: Funnel, warehouse: Warehouse) -> Log:
    """The published events with their journey beside them, where journeys are counted: events at a touchpoint."""
    if funnel.count != "journeys" or log.table != PUBLISHED:
        return log
    warehouse.execute(
        f"create or replace temp view funnel_journeys as select events.*, touches.journey_id from {PUBLISHED} events "
        "inner join journeys.touches on touches.touch_id = events.source || ':' || events.event_id"
    )
    return replace(log, table="funnel_journeys", columns={**log.columns, "journey_id": "VARCHAR"}, sorted_by=())


def as_of_published(warehouse: Warehouse) -> Any:
    """The night's as_of, which a published file says itself."""
    return warehouse.scalar("select cast(value as timestamp) from rules.settings where name = 'as_of'")


def _csv(warehouse: Warehouse, path: Path) -> tuple[str, dict[str, str]]:
    """A CSV file with a header, every value as the text it is."""
    first = warehouse.scalar(
        "select column0 from read_csv($1, columns = {'column0': 'VARCHAR'}, header = false, delim = '\\0', quote = '', "
        "escape = '', auto_detect = false) limit 1",
        [str(path)],
    )
    if first is None:
        raise InputError("is empty", where=path.name, allowed="a first line with the names of the columns")
    first = first.removeprefix("\ufeff")
    delimiter = max(",;\t|", key=first.count)
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    if len(set(header)) < len(header) or "" in header:
        raise InputError("has a column twice, or one without a name", where=path.name, allowed=", ".join(header))
    columns = ", ".join(f"{_text(name)}: 'VARCHAR'" for name in header)
    source = (
        f"read_csv({_text(str(path))}, columns = {{{columns}}}, header = true, delim = {_text(delimiter)}, "
        "quote = '\"', escape = '\"', auto_detect = false, null_padding = false, strict_mode = true)"
    )
    return source, dict.fromkeys(header, "VARCHAR")


def _json(warehouse: Warehouse, path: Path) -> tuple[str, dict[str, str]]:
    """JSON lines: every key of any line is a column, nested ones stay nested."""
    warehouse.execute(f"create temp table json_lines as select json from read_ndjson_objects({_text(str(path))})")
    kinds = warehouse.rows(
        "select key, bool_or(json_type(json, '$.\"' || key || '\"') in ('OBJECT', 'ARRAY')) as is_nested "
        "from (select unnest(json_keys(json)) as key, json from json_lines) as keys group by key order by key"
    )
    if not kinds:
        raise InputError("holds no event", where=path.name, allowed="one JSON object a line")
    columns = {row["key"]: "JSON" if row["is_nested"] else "VARCHAR" for row in kinds}
    paths = {name: _text(f'$."{name}"') for name in columns}
    chosen = ", ".join(
        f"{'json -> ' if kind == 'JSON' else 'json ->> '}{paths[name]} as {quoted(name)}"
        for name, kind in columns.items()
    )
    return f"(select {chosen} from json_lines)", columns


def _parquet(warehouse: Warehouse, path: Path) -> tuple[str, dict[str, str]]:
    source = f"read_parquet({_text(str(path))})"
    return source, _columns(warehouse, source)


def _columns(warehouse: Warehouse, source: str) -> dict[str, str]:
    rows = warehouse.rows(f"select column_name, column_type from (describe select * from {source})")
    return {row["column_name"]: row["column_type"] for row in rows}


def _taken_in(warehouse: Warehouse, source: str, columns: Mapping[str, str], names: Names) -> Opened:
    """Rows as events, sorted by customer and time; those without a customer or a time are counted and left out."""
    called = {needed: getattr(names, needed) for needed in NEEDED}
    _check_names(columns, called)
    whose = {needed: columns[name] for needed, name in called.items()}
    others = [name for name in columns if name not in called.values() and name not in called]
    chosen = [
        f"{_id(called['customer_id'], whose['customer_id'])} as customer_id",
        f"{_time(called['event_at'], whose['event_at'])} as event_at",
        f"cast({quoted(called['event_name'])} as varchar) as event_name",
        *(f"{_kept(name, columns[name])} as {quoted(name)}" for name in others if name != ROW),
        f"row_number() over () as {ROW}",
    ]
    order = [*(["event_id"] if "event_id" in others else []), ROW]
    warehouse.execute(f"create or replace temp table read_events as select {', '.join(chosen)} from {source}")
    counts = warehouse.rows(
        "select count(*) as n, count(*) filter (where customer_id is null) as n_nobody, "
        "count(*) filter (where event_at is null) as n_never from read_events"
    )[0]
    if counts["n"] and counts["n_never"] == counts["n"]:
        raise InputError(
            f"no row has a time in '{called['event_at']}'", allowed="2026-01-31T12:00:00Z, or seconds since 1970",
            do="name the column that holds the time with --event-at NAME",
        )  # fmt: skip
    warehouse.execute(
        f"create or replace temp table {TABLE} as from read_events "
        f"where customer_id is not null and event_at is not null order by customer_id, event_at, {', '.join(order)}"
    )
    warehouse.execute("drop table read_events")
    kinds = {name: kind.partition("(")[0] for name, kind in _columns(warehouse, TABLE).items()}
    log = Log(TABLE, kinds, tuple(order), sorted_by=("customer_id", "event_at", *order))
    return Opened(warehouse, log, tuple(_left_out(counts)))


def _left_out(counts: Mapping[str, int]) -> Sequence[str]:
    said = {"n_nobody": "have no customer_id", "n_never": "have no event_at that can be read"}
    found = [f"{counts[key]:,} of {counts['n']:,} rows {words}: left out" for key, words in said.items() if counts[key]]
    return [*found, *([] if counts["n"] else ["there is no event"])]


def _check_names(columns: Mapping[str, str], called: Mapping[str, str]) -> None:
    for needed, name in called.items():
        if name in columns:
            continue
        near = [each for each in _ALSO_CALLED[needed] if each in columns]
        near = near or difflib.get_close_matches(name, columns, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ConfigError(
            f"there is no column '{name}'{hint}", allowed=", ".join(columns),
            do=f"name the column that holds the {needed.replace('_', ' ')} with "
            f"--{needed.replace('_', '-')} {near[0] if near else 'NAME'}",
        )  # fmt: skip


def _id(name: str, kind: str) -> str:
    """An id as text; an empty one, or a number that is none, is no id."""
    column = quoted(name)
    if kind in ("DOUBLE", "FLOAT"):
        is_whole = f"{column} = floor({column}) and abs({column}) < 9e15"
        whole = f"cast(cast({column} as bigint) as varchar)"
        return f"case when isnan({column}) then null when {is_whole} then {whole} else cast({column} as varchar) end"
    return f"nullif(trim(cast({column} as varchar)), '')"


def _time(name: str, kind: str) -> str:
    """A time as a UTC timestamp: ISO 8601 text, a timestamp of any kind, or a number since 1970 told by its size."""
    column = quoted(name)
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"{column} at time zone 'UTC'"
    if kind.startswith(("TIMESTAMP", "DATE")):
        return f"case when isfinite({column}) then cast({column} as timestamp) end"
    number = f"try_cast({column} as double)"
    size = f"case when abs({number}) < 1e11 then 1e6 when abs({number}) < 1e14 then 1e3 else 1 end"
    since = f"make_timestamp(try_cast(round({number} * {size}) as bigint))"
    if kind == "VARCHAR":
        return f"coalesce({since}, try_cast({column} as timestamptz) at time zone 'UTC')"
    return since


def _kept(name: str, kind: str) -> str:
    """A further column: nested ones as JSON, and text called properties as JSON where it is some."""
    column = quoted(name)
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("[]"):
        return f"to_json({column})"
    if name == "properties" and kind == "VARCHAR":
        return f"case when json_valid({column}) then cast({column} as json) end"
    if name == "revenue_minor":
        return f"try_cast({column} as bigint)"
    return column


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
