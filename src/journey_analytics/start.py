"""How a night starts: on the last publication, on nothing, or beside everything, from the landing files alone."""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path

from journey_analytics import ledger, publish
from journey_analytics.build import basis
from journey_analytics.errors import ConfigError, JourneyError
from journey_analytics.facts.config import Project
from journey_analytics.landing import arrivals
from journey_analytics.warehouse import DatabaseError, Warehouse, attach_next, open_night

BESIDE = "rebuild"
"""The folder, inside the warehouse, in which a rebuild's databases grow."""


def open_databases(project: Project, *, beside: bool) -> Warehouse:
    """Open the private database for a night, or new ones in a folder beside it, and recall what earlier nights knew.

    Raises
    ------
    ConfigError : beside: files whose rows were loaded are no longer in the landing folder
    """
    folder, nightly = folder_of(project, beside=beside), project.nightly
    shutil.rmtree(project.warehouse / BESIDE, ignore_errors=True)
    warehouse = open_night(folder, memory_limit=nightly.memory_limit, threads=nightly.threads, reads=project.warehouse)
    try:
        ledger.ensure(warehouse)
        if beside:
            _carry_over(warehouse, project)
        arrivals.recall(warehouse, project.warehouse)
        live = publish.current(project.reports)
        until = datetime.fromisoformat(live.as_of) if live else None
        warehouse.execute("set variable published_until = $1::timestamp", [until])
    except BaseException:
        warehouse.close()
        raise
    return warehouse


def folder_of(project: Project, *, beside: bool) -> Path:
    """Where the databases of a night are."""
    return project.warehouse / BESIDE if beside else project.warehouse


def _carry_over(warehouse: Warehouse, project: Project) -> None:
    """Take the ledger of nights and the arrivals from the private database of before, as far as it can be read."""
    path = project.warehouse / "work.duckdb"
    if not path.is_file():
        return
    try:
        warehouse.execute(f"attach '{str(path).replace(chr(39), chr(39) * 2)}' as before (read_only)")
        for table in ("runs", "arrivals"):
            warehouse.execute(f"insert into work.ops.{table} by name from before.ops.{table}")
        files = warehouse.rows("select file from before.ops.loads where status = 'loaded' and n_read > 0 order by file")
        warehouse.execute("detach before")
    except (DatabaseError, JourneyError):
        return  # a rebuild is there for just this case
    gone = [row["file"] for row in files if not (project.landing / row["file"]).exists()]
    if gone:
        raise ConfigError(
            f"files whose rows were loaded are gone ({len(gone)}): {', '.join(gone[:5])}",
            where=project.nightly.landing, allowed="a rebuild from all the files that ever arrived",
            do="put them back; to give their rows up, move work.duckdb away",
        )  # fmt: skip


def last_published(project: Project) -> Path | None:
    """The database of the last publication, where it still is what was published."""
    live = publish.current(project.reports)
    if live is None or not publish.is_as_published(project.warehouse, live):
        return None
    return project.warehouse / live.database


def begin(
    warehouse: Warehouse, project: Project, last: Path | None, expected: str, as_of: datetime, *, beside: bool
) -> basis.Basis | str:  # fmt: skip
    """Start the new publication as a copy of the last one, or empty where nothing can be built on that.

    Returns what it rests on, or why everything is built anew; "" where there is nothing to say about it.
    """
    arrivals.settle(warehouse, as_of)
    arrivals.keep(warehouse, project.warehouse)
    folder = folder_of(project, beside=beside)
    found: basis.Basis | str = ""
    if publish.current(project.reports) is not None and not beside:
        if last is not None:
            attach_next(warehouse, folder, fresh=True, copy_of=last)
            found = basis.read(warehouse, expected, as_of)
        else:
            found = "the last publication is not as it was published"
    if isinstance(found, str):
        attach_next(warehouse, folder, fresh=True)
    return found


def put_in_place(project: Project) -> None:
    """Make the private database of a rebuild the one that the next night opens."""
    beside, path = project.warehouse / BESIDE / "work.duckdb", project.warehouse / "work.duckdb"
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
    os.replace(beside, path)
    shutil.rmtree(beside.parent)
