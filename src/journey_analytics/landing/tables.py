"""Tables of other databases, exported into the landing folder as Parquet; the only module with a driver for Postgres.

Identifiers are checked and quoted, values are bound, and no SQL of anybody else is run. A table with `since` is
exported in parts: each file says up to which value it reaches, and the next begins there, with the rows of that very
value once more, since some of them may have come later; the feed's key tells them apart. A table without it is
exported whole, into one file that changes when the table does.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from journey_analytics.errors import ConfigError, InputError, JourneyError, ResourceError
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.facts.paths import parsed
from journey_analytics.landing.named_columns import missing, places
from journey_analytics.landing.placing import placed
from journey_analytics.warehouse import DatabaseError, Warehouse, open_foreign

MARK = b"journey.mark"
NUMBERED = 6

# Types with an order that a night can go on from.
_ORDERED = re.compile(
    r"(timestamp(_s|_ms|_ns)?|date|u?(big|small)?int|u?integer|hugeint|numeric|decimal|text|varchar|character varying)"
    r"(\([0-9]+(, ?[0-9]+)?\))?( with(out)? time zone)?",
    re.IGNORECASE,
)
# Types that a Parquet file holds as they are; any other is exported as its text.
_KEPT = re.compile(
    r"(varchar|boolean|u?(tiny|small|big)?int(eger)?|double|float|decimal|date|timestamp|struct|map)\b.*|.*\[\]",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Mark:
    """Up to where an export reaches: the highest value of its `since` as text, and how many rows have it."""

    value: str
    n: int


class Database(Protocol):
    """One connection to another database, in which everything is read as of one moment."""

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """The table's columns with their types as the database writes them; empty where there is no such table."""

    def selected(self, name: str, kind: str) -> str:
        """The expression that exports a column."""

    def row(self, sql: str, values: Sequence[str]) -> tuple[Any, ...]:
        """The only row of a query; `$1` stands for the first value."""

    def batches(self, sql: str, values: Sequence[str]) -> pa.RecordBatchReader:
        """A query's rows as record batches."""


def export(source: Source, folder: Path, allowed: Sequence[Path], dsn: str | None) -> list[Path]:
    """Export what is new of a table.

    Parameters
    ----------
    folder : where the files go
    allowed : the folders in which a DuckDB file may lie
    dsn : how to reach a Postgres database; None for a DuckDB file

    Returns
    -------
    the files that were written; none where the table is as it was

    Raises
    ------
    ConfigError : the file lies outside, or a driver is missing
    InputError : there is no such file, table or column, or `since` cannot be gone on from
    ResourceError : the database cannot be reached
    """
    assert source.fetch is not None
    if dsn is not None:
        opened = _postgres(dsn, str(source.fetch.postgres))
    else:
        opened = _duckdb(str(source.fetch.duckdb), allowed)
    with opened as database:
        return _exported(database, source, folder)


def _exported(database: Database, source: Source, folder: Path) -> list[Path]:
    assert source.fetch is not None
    *schema, table = str(source.fetch.table).split(".")
    inside = schema[0] if schema else _SCHEMA[source.fetch.duckdb is None]
    kinds = database.columns(inside, table)
    names = _names(source, kinds)
    columns = ", ".join(f"{database.selected(name, kinds[name])} as {quoted(name)}" for name in names)
    rows = f"{quoted(inside)}.{quoted(table)}"
    since = source.fetch.since
    if since is None:
        order = ", ".join(quoted(name) for name in names)
        return _whole(
            database.batches(f"select {columns} from {rows} order by {order}", []), folder / f"{table}.parquet"
        )
    earlier = sorted(folder.glob(f"{table}-{'[0-9]' * NUMBERED}.parquet"))
    last = _mark_of(earlier[-1]) if earlier else None
    mark = _mark(database, rows, since, kinds[since], last)
    if mark is None:
        return []
    begins = f"where {quoted(since)} >= cast($1 as {kinds[since]})" if last else ""
    order = ", ".join(dict.fromkeys([quoted(since), *(quoted(name) for name in names)]))
    sql = f"select {columns} from {rows} {begins} order by {order}"
    number = int(earlier[-1].stem[-NUMBERED:]) + 1 if earlier else 1
    target = folder / f"{table}-{number:0{NUMBERED}d}.parquet"
    with placed(target) as part:
        _write(database.batches(sql, [last.value] if last else []), part, mark)
    return [target]


_SCHEMA = {True: "public", False: "main"}


def _names(source: Source, kinds: dict[str, str]) -> list[str]:
    """The columns to export: those that the feed declares, and the one that says what is new."""
    assert source.fetch is not None
    if not kinds:
        raise InputError(
            f"there is no table {source.fetch.table}", where=f"sources/{source.source}.yml",
            do="correct `fetch: table`, or ask for the right to read it",
        )  # fmt: skip
    since = source.fetch.since
    lacking = missing(kinds, source) + ([since] if since is not None and since not in kinds else [])
    if lacking:
        raise InputError(
            f"the table {source.fetch.table} lacks the column {', '.join(lacking)}",
            where=f"sources/{source.source}.yml", allowed=", ".join(sorted(kinds))[:300],
        )  # fmt: skip
    roots = [place if place in kinds else _root(place) for place in places(source)]
    return list(dict.fromkeys(name for name in [*roots, *([since] if since else [])] if name in kinds))


def _root(place: str) -> str:
    try:
        return str(parsed(place).steps[0])
    except ValueError:
        return place


def _mark(database: Database, rows: str, since: str, kind: str, last: Mark | None) -> Mark | None:
    """Up to where the table reaches now; None where that is where the last export ended."""
    if not _ORDERED.fullmatch(kind):
        raise InputError(
            f"the column {since} is of type {kind}, in which nothing is later than another", where=rows,
            allowed="a time, a date, a whole number or a text that grows", do="correct `fetch: since`",
        )  # fmt: skip
    name = quoted(since)
    n_empty, value, n = database.row(
        f"""select count(*) filter (where {name} is null), cast(max({name}) as varchar),
            count(*) filter (where {name} = (select max({name}) from {rows})) from {rows}""", [],
    )  # fmt: skip
    if n_empty:
        raise InputError(
            f"{n_empty:,} rows have no {since}, so no night would ever fetch them", where=rows,
            do="choose another column for `fetch: since`, or leave it out to fetch the whole table",
        )  # fmt: skip
    if value is None:
        return None
    if last is not None:
        (n_new,) = database.row(f"select count(*) from {rows} where {name} > cast($1 as {kind})", [last.value])
        (n_same,) = database.row(f"select count(*) from {rows} where {name} = cast($1 as {kind})", [last.value])
        if n_new == 0 and n_same == last.n:
            return None
    return Mark(value, n)


def _mark_of(path: Path) -> Mark | None:
    """Up to where an earlier export reaches, as the file itself says."""
    try:
        return Mark(**json.loads((pq.read_metadata(path).metadata or {})[MARK]))
    except (KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
        raise InputError(
            f"{path.name} does not say up to where it reaches", where=path.parent.name,
            do="move it away; the table is then exported from the start",
        ) from error  # fmt: skip


def _whole(batches: pa.RecordBatchReader, target: Path) -> list[Path]:
    before = _digest(target) if target.is_file() else None
    with placed(target) as part:
        _write(batches, part, None)
    return [] if _digest(target) == before else [target]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(batches: pa.RecordBatchReader, path: Path, mark: Mark | None) -> None:
    told = {MARK: json.dumps(vars(mark)).encode()} if mark else {}
    schema = pa.schema([(column.name, column.type) for column in batches.schema], metadata=told)
    with pq.ParquetWriter(path, schema) as writer:
        for batch in batches:
            writer.write_batch(batch.replace_schema_metadata(told))


# --- DuckDB


class _DuckDb:
    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def columns(self, schema: str, table: str) -> dict[str, str]:
        rows = self._warehouse.rows(
            """select column_name, data_type from duckdb_columns() where schema_name = $1 and table_name = $2
            and database_name = current_database() order by column_index""", [schema, table],
        )  # fmt: skip
        return {row["column_name"]: row["data_type"] for row in rows}

    def selected(self, name: str, kind: str) -> str:
        return quoted(name) if _KEPT.fullmatch(kind) else f"cast({quoted(name)} as varchar)"

    def row(self, sql: str, values: Sequence[str]) -> tuple[Any, ...]:
        (row,) = self._warehouse.rows(sql, list(values) or None)
        return tuple(row.values())

    def batches(self, sql: str, values: Sequence[str]) -> pa.RecordBatchReader:
        return self._warehouse.batches(sql, list(values) or None)


@contextmanager
def _duckdb(name: str, allowed: Sequence[Path]) -> Iterator[Database]:
    path = (allowed[0] / name).resolve()
    if not any(path.is_relative_to(folder.resolve()) for folder in allowed):
        raise ConfigError(
            f"{Path(name).name} lies outside of what may be read", where="fetch: duckdb",
            allowed="a file below the project, or below a folder that nightly.yml lists under `read_from`",
        )  # fmt: skip
    warehouse = open_foreign(path)
    try:
        yield _DuckDb(warehouse)
    except DatabaseError as error:
        raise InputError(f"cannot be read: {str(error).splitlines()[0]}", where=path.name) from error
    finally:
        warehouse.close()


# --- Postgres


class _Postgres:
    def __init__(self, connection: Any) -> None:
        self._connection, self._reading = connection, connection.cursor()

    def close(self) -> None:
        self._reading.close()
        self._connection.close()

    def columns(self, schema: str, table: str) -> dict[str, str]:
        sql = """select attname, format_type(atttypid, atttypmod) from pg_attribute
            where attrelid = to_regclass($1) and attnum > 0 and not attisdropped order by attnum"""
        with self._connection.cursor() as cursor:
            cursor.execute("set transaction isolation level repeatable read read only")
            cursor.execute(sql, [f"{quoted(schema)}.{quoted(table)}"])
            return dict(cursor.fetchall())

    def selected(self, name: str, kind: str) -> str:
        is_nested = kind.endswith("[]") or kind in ("json", "jsonb")
        return f"to_jsonb({quoted(name)})::text" if is_nested else f"cast({quoted(name)} as text)"

    def row(self, sql: str, values: Sequence[str]) -> tuple[Any, ...]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, list(values) or None)
            return tuple(cursor.fetchone())

    def batches(self, sql: str, values: Sequence[str]) -> pa.RecordBatchReader:
        self._reading = self._connection.cursor()  # a cursor that nobody holds ends its rows
        self._reading.execute(sql, list(values) or None)
        return self._reading.fetch_record_batch()


@contextmanager
def _postgres(dsn: str, variable: str) -> Iterator[Database]:
    try:
        from adbc_driver_postgresql import dbapi  # type: ignore[import-untyped]
    except ImportError as error:
        raise ConfigError(
            "the driver for Postgres is not installed", where="fetch: postgres",
            do="pip install 'journey-analytics[postgres]'",
        ) from error  # fmt: skip
    try:
        connection = dbapi.connect(dsn)
    except dbapi.Error as error:
        raise _postgres_told(error, variable) from error
    database = _Postgres(connection)
    try:
        yield database
    except (dbapi.Error, pa.ArrowException) as error:
        raise _postgres_told(error, variable) from error
    finally:
        database.close()


def _postgres_told(error: Any, variable: str) -> JourneyError:
    """Of an error only its code: its text may hold what stands in the DSN."""
    code = getattr(error, "sqlstate", None) or type(error).__name__
    if code == "42501":
        return InputError("may not be read", where=variable, do="ask for the right to read the table")
    return ResourceError(
        f"the Postgres database that {variable} names cannot be read ({code})", where="fetch: postgres",
        do="check the DSN in the environment, the network and the server",
    )  # fmt: skip
