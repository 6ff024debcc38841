"""The two database files and the only door to them; the only module that imports duckdb.

`work.duckdb` belongs to the pipeline: landed rows, ledger, quarantine. `next.duckdb` is the publication being built. A
night's connection opens the first and attaches the second as its default catalog, so that
`select * from journeys.events` means the same here and in the published file.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from journey_analytics.errors import ConfigError, InputError, InternalError, JourneyError, ResourceError
from journey_analytics.facts.expressions import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

STORAGE_VERSION = "v1.4.0"
APPEND_ROWS = 200
FOREIGN_ROWS = 50_000

DatabaseError = duckdb.Error
SqlError = (duckdb.ParserException, duckdb.BinderException, duckdb.CatalogException)


class Warehouse:
    """One connection, and the few ways this project talks to it.

    `recovered` is told when a night's private database was damaged: where the damaged one was put. The new one is
    empty, and fills again from the landing files.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, recovered: str | None = None) -> None:
        self._connection = connection
        self.recovered = recovered

    def execute(self, sql: str, parameters: Any = None) -> None:
        """Run one statement for its effect."""
        self._run(sql, parameters)

    def rows(self, sql: str, parameters: Any = None) -> list[dict[str, Any]]:
        """A SELECT's rows as dictionaries, in the order the statement gives."""
        result = self._run(sql, parameters)
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def scalar(self, sql: str, parameters: Any = None) -> Any:
        """The first column of the first row, or None where there is none."""
        found = self._run(sql, parameters).fetchall()  # all of it: a connection with an unread result does nothing else
        return found[0][0] if found else None

    def frame(self, sql: str, parameters: Any = None) -> pd.DataFrame:
        """A SELECT's result as a pandas DataFrame."""
        return self._run(sql, parameters).df()

    def batches(self, sql: str, parameters: Any = None) -> Any:
        """A SELECT's rows as a pyarrow RecordBatchReader; the connection is busy until it is read to its end."""
        return self._guarded(lambda: self._connection.sql(sql, params=parameters).to_arrow_reader(FOREIGN_ROWS))

    def arrays(self, sql: str, parameters: Any = None) -> dict[str, Any]:
        """A SELECT's columns as numpy arrays; a column with empty values is a masked array."""
        found: dict[str, Any] = self._run(sql, parameters).fetchnumpy()
        return found

    def beside(self) -> Warehouse:
        """A second connection to the same files, for another thread; temporary tables are not shared."""
        return Warehouse(self._connection.cursor())

    def append(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert dictionaries by column name; every row must have the keys of the first."""
        if not rows:
            return
        names = list(rows[0])
        columns = ", ".join(quoted(name) for name in names)
        marks = "(" + ", ".join("?" for _ in names) + ")"
        for start in range(0, len(rows), APPEND_ROWS):
            part = rows[start : start + APPEND_ROWS]
            values = [row[name] for row in part for name in names]
            self.execute(f"insert into {table} ({columns}) values {', '.join([marks] * len(part))}", values)

    @contextmanager
    def offered(self, name: str, arrow_table: Any) -> Iterator[None]:
        """Make an Arrow table readable as `name` for the length of a block."""
        self._connection.register(name, arrow_table)
        try:
            yield
        finally:
            self._connection.unregister(name)

    @contextmanager
    def offered_arrays(self, name: str, **columns: Any) -> Iterator[None]:
        """Make numpy arrays of one length readable as the columns of `name` for the length of a block."""
        with self.offered(name, columns):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of a block's changes, or none of them."""
        self.execute("begin")
        try:
            yield
        except BaseException as error:
            try:
                self.execute("rollback")
            except (duckdb.Error, JourneyError) as failure:
                error.add_note(f"the rollback failed too: {_first_line(failure)}")
            raise
        self.execute("commit")

    def close(self) -> None:
        """Let go of the files."""
        self._connection.close()

    def _run(self, sql: str, parameters: Any) -> duckdb.DuckDBPyConnection:
        result: duckdb.DuckDBPyConnection = self._guarded(
            lambda: self._connection.execute(sql) if parameters is None else self._connection.execute(sql, parameters)
        )
        return result

    def _guarded(self, act: Any) -> Any:
        try:
            return act()
        except duckdb.OutOfMemoryException as error:
            raise ResourceError(
                "memory ran out", do="raise memory_limit in nightly.yml, or free disk space for spilling"
            ) from error
        except duckdb.Error as error:
            if "orrupt database" in str(error) or "computed checksum" in str(error):
                raise ResourceError(
                    f"a database file is damaged: {_first_line(error)}",
                    do="move work.duckdb away and run again: it is rebuilt from the landing files",
                ) from error
            if isinstance(error, duckdb.IOException) or "No space left" in str(error):
                raise ResourceError(
                    f"the disk refused: {_first_line(error)}", do="free disk space, check permissions"
                ) from error
            raise
        except RuntimeError as error:
            if "interrupt" in str(error).lower():
                raise KeyboardInterrupt from error
            raise


def open_night(
    folder: Path, *, memory_limit: str | None = None, threads: int | None = None, reads: Path | None = None
) -> Warehouse:  # fmt: skip
    """Open the private database and start a new publication beside it.

    Parameters
    ----------
    folder : the warehouse folder; created where it is missing
    memory_limit : such as `2GB`; DuckDB's own default where None
    threads : all cores where None
    reads : another folder whose databases may be read

    Raises
    ------
    ConfigError : the folder cannot be written
    ResourceError : the private database cannot be opened, because another program holds it or the system refuses

    A damaged private database is no reason to stop: it is set aside under the time of day, never deleted, and an empty
    one takes its place; `Warehouse.recovered` says so.
    """
    path, recovered = folder / "work.duckdb", None
    try:
        connection = _connect(path, memory_limit, threads, folder, reads or folder)
    except ResourceError as error:
        if any(reason in error.reason for reason in _NO_DAMAGE):
            raise
        recovered = _set_aside(path)
        connection = _connect(path, memory_limit, threads, folder, reads or folder)
    warehouse = Warehouse(connection, recovered=recovered)
    try:
        attach_next(warehouse, folder, fresh=False)
    except (duckdb.Error, ResourceError):
        attach_next(warehouse, folder, fresh=True)  # half a publication that nobody has seen is no loss
    return warehouse


# What opening a database file can fail with although the file is well.
_NO_DAMAGE = ("set lock", "Permission denied", "version number", "No space", "directory", "Too many open", "emory")


def _set_aside(path: Path) -> str:
    """Put a damaged database and its log beside themselves, and say where."""
    suffix = f"damaged-{datetime.now(UTC):%Y-%m-%dT%H-%M-%S.%f}"
    for part in (path, path.with_name(path.name + ".wal")):
        if part.exists():
            part.rename(part.with_name(f"{part.name}.{suffix}"))
    return f"{path.name} was damaged and is kept as {path.name}.{suffix}; it is rebuilt from the landing files"


def attach_next(warehouse: Warehouse, folder: Path, *, fresh: bool, copy_of: Path | None = None) -> None:
    """Make `next.duckdb` the default catalog; `fresh` starts it anew, empty or as a copy of a published file."""
    path = folder / "next.duckdb"
    attached = warehouse.scalar("select count(*) from duckdb_databases() where database_name = 'next'")
    if attached:
        warehouse.execute("use work")
        warehouse.execute("detach next")
    if fresh:
        for leftover in (path, path.with_name(path.name + ".wal")):
            leftover.unlink(missing_ok=True)
    if copy_of is not None:
        shutil.copyfile(copy_of, path)
    warehouse.execute(f"attach '{_literal(path)}' as next (storage_version '{STORAGE_VERSION}')")
    warehouse.execute("use next")


@contextmanager
def attach_before(warehouse: Warehouse, path: Path) -> Iterator[None]:
    """Read a published file as `before`, for the length of a block."""
    warehouse.execute(f"attach '{_literal(path)}' as before (read_only)")
    try:
        yield
    finally:
        warehouse.execute("detach before")


def compact(folder: Path, *, memory_limit: str | None = None) -> None:
    """Write the closed private database anew: of deleted rows nothing stays in blocks that wait to be used again."""
    path, beside = folder / "work.duckdb", folder / "work.duckdb.tmp"
    beside.unlink(missing_ok=True)
    warehouse = Warehouse(_connect(beside, memory_limit, None, folder, folder))
    try:
        name = quoted(warehouse.scalar("select current_database()"))
        warehouse.execute(f"attach '{_literal(path)}' as before (read_only)")
        warehouse.execute(f"copy from database before to {name}")
        warehouse.execute("checkpoint")
    finally:
        warehouse.close()
    beside.replace(path)


def close_next(warehouse: Warehouse) -> None:
    """Write the publication being built whole to its file and let go of it."""
    warehouse.execute("checkpoint next")
    warehouse.execute("use work")
    warehouse.execute("detach next")


def open_published(path: Path) -> Warehouse:
    """Open a published file read-only, with no way out of it.

    Raises
    ------
    ConfigError : there is no such file, or it is no database
    """
    if not path.is_file():
        raise ConfigError("nothing has been published yet", where=path.name, do="journey run")
    try:
        connection = duckdb.connect(str(path), read_only=True, config={"autoinstall_known_extensions": "false"})
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set enable_external_access = false")
    except duckdb.Error as error:
        raise ConfigError(f"cannot be opened: {_first_line(error)}", where=path.name, do="journey rollback") from error
    return Warehouse(connection)


def open_foreign(path: Path) -> Warehouse:
    """Open somebody else's database file to read from it: read-only, with no way out of it and no code loaded.

    Raises
    ------
    InputError : there is no such file, or it is no database of a version that can be read
    ResourceError : another program has it open for writing
    """
    if not path.is_file():
        raise InputError("there is no such file", where=path.name, do="deliver it, or correct `fetch: duckdb`")
    settings: dict[str, Any] = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    try:
        connection = duckdb.connect(str(path), read_only=True, config=settings)
        for setting in ("TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true"):
            connection.execute(f"set {setting}")
        return Warehouse(connection)
    except duckdb.Error as error:
        if "lock" in str(error):
            raise ResourceError(
                "another program is writing to it", where=path.name, do="let the night begin when that has ended"
            ) from error
        raise InputError(
            "is no DuckDB file that can be read", where=path.name, do="deliver it again, written by DuckDB 2 or earlier"
        ) from error


def scan_whole(path: Path) -> int:
    """Read every column of every table of a database file, so that a damaged block is found now. Returns rows read.

    Raises
    ------
    JourneyError : the file cannot be read whole
    """
    warehouse = open_published(path)
    try:
        tables = warehouse.rows(
            "select schema_name, table_name from duckdb_tables() where not internal order by schema_name, table_name"
        )
        total = 0
        for table in tables:
            name = f"{quoted(table['schema_name'])}.{quoted(table['table_name'])}"
            columns = warehouse.rows(f"select column_name from (describe {name})")
            counts = ", ".join(f"count({quoted(column['column_name'])})" for column in columns)
            total += int(warehouse.rows(f"select count(*) as n, {counts} from {name}")[0]["n"])
        return total
    except duckdb.Error as error:
        raise InternalError(f"is damaged: {_first_line(error)}", where=path.name) from error
    finally:
        warehouse.close()


def in_memory() -> Warehouse:
    """A private database in memory, for tests and for looking at single files."""
    connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    connection.execute("set TimeZone = 'UTC'")
    return Warehouse(connection)


def _connect(
    path: Path, memory_limit: str | None, threads: int | None, folder: Path, reads: Path
) -> duckdb.DuckDBPyConnection:  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"the warehouse folder cannot be made: {error.strerror}",
            where=folder.name,
            do="correct `warehouse:` in nightly.yml",
        ) from error
    settings: dict[str, Any] = {"autoinstall_known_extensions": "false", "temp_directory": str(folder / "spill")}
    if memory_limit:
        settings["memory_limit"] = memory_limit
    if threads:
        settings["threads"] = threads
    try:
        connection = duckdb.connect(str(path), config=settings)
    except duckdb.Error as error:
        raise ResourceError(
            f"the private database cannot be opened: {_first_line(error)}",
            where=path.name,
            do="close the program that holds it; where the file is refused, mend its permissions",
        ) from error
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute("set enable_progress_bar = false")  # standard output is for what was asked for
    connection.execute("set python_enable_replacements = false")
    connection.execute(f"set allowed_directories = ['{_literal(folder)}', '{_literal(reads)}']")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def _literal(path: Path) -> str:
    return str(path).replace("'", "''")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def explained(error: BaseException) -> JourneyError:
    """An error of the database or the disk that no step foresaw, as one line a person can act on."""
    if isinstance(error, OSError):
        where = Path(str(error.filename)).name if error.filename else ""
        return ResourceError(
            f"the disk refused: {error.strerror or error}", where=where, do="free disk space, check permissions"
        )
    return InternalError(_first_line(error), do="journey doctor; the last publication is untouched")
