"""When each file arrived: what a later look at the same files could not tell any more.

Three answers depend on the night in which a file was first there: which of two rows of one key came first, whether a
row lies in the future, and whether it is late. They are taken then and kept, one line a file, in `arrivals.jsonl`
beside the databases: it is only ever added to, so the landing files and it give the same tables on any later day.

A file delivered anew under its name arrives again, but is no later than it was: what it corrects was on time.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from journey_analytics.errors import ConfigError
from journey_analytics.warehouse import Warehouse

FILE = "arrivals.jsonl"
COLUMNS = ("arrival", "source", "file", "sha256", "arrived_at", "published_until", "loaded_at")


@dataclass(frozen=True)
class Arrival:
    """One arrival: its place in the order of all, the night's start, and up to when was published when the file's name
    was first there; None where nothing was."""

    arrival: int
    arrived_at: datetime
    published_until: datetime | None


def recall(warehouse: Warehouse, folder: Path) -> None:
    """Read the arrivals of earlier nights where the private database does not know them.

    Raises
    ------
    ConfigError : the file cannot be read; going on without it could let late rows in
    """
    path = folder / FILE
    if not path.is_file() or warehouse.scalar("select count(*) from work.ops.arrivals"):
        return
    text = path.read_text(encoding="utf-8")
    lines = text[: text.rfind("\n") + 1].splitlines()  # a night that was killed may have left half a line
    try:
        rows = [{name: json.loads(line)[name] for name in COLUMNS} for line in lines]
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"cannot be read: {error}", where=FILE, do="put back a copy of it; the landing files alone do not tell"
        ) from error
    warehouse.append("work.ops.arrivals", rows)


def note(
    warehouse: Warehouse, source: str, files: Sequence[tuple[str, str]], *, published_until: datetime | None
) -> list[Arrival]:
    """The arrival of each (file, sha256); those not known yet arrive now, in the order given.

    Needs the variable `night_at`.
    """
    known = {
        row["file"]: row
        for row in warehouse.rows("select * from work.ops.arrivals where source = $1 order by arrival", [source])
    }
    number = int(warehouse.scalar("select coalesce(max(arrival), 0) from work.ops.arrivals"))
    night = warehouse.scalar("select getvariable('night_at')::timestamp")
    rows = []
    for file, sha256 in files:
        before = known.get(file)
        if before is None or before["sha256"] != sha256:
            number += 1
            until = published_until if before is None else before["published_until"]
            row = dict(zip(COLUMNS, (number, source, file, sha256, night, until, None), strict=True))
            rows.append(row)
            known[file] = row
    warehouse.append("work.ops.arrivals", rows)
    found = [known[file] for file, _ in files]
    return [Arrival(row["arrival"], row["arrived_at"], row["published_until"]) for row in found]


def settle(warehouse: Warehouse, as_of: datetime) -> None:
    """Say of every loaded file with which as_of it came in; one that comes in again keeps its own."""
    warehouse.execute("update work.ops.arrivals set loaded_at = $1 where loaded_at is null", [as_of])
    warehouse.execute(
        """update work.ops.loads set loaded_at = coalesce((
            select max(arrivals.loaded_at) from work.ops.arrivals as arrivals
            where arrivals.source = loads.source and arrivals.file = loads.file and arrivals.sha256 = loads.sha256
        ), $1) where loaded_at is null""",
        [as_of],
    )


def keep(warehouse: Warehouse, folder: Path) -> None:
    """Add what is not yet in the file to it."""
    path = folder / FILE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    whole = text[: text.rfind("\n") + 1]
    written = json.loads(whole.splitlines()[-1])["arrival"] if whole else 0
    rows = warehouse.rows("select * from work.ops.arrivals where arrival > $1 order by arrival", [written])
    with path.open("r+b" if text else "wb") as file:
        file.truncate(len(whole.encode()))
        file.seek(0, os.SEEK_END)
        file.write("".join(json.dumps(row, default=str) + "\n" for row in rows).encode())
        file.flush()
        os.fsync(file.fileno())
