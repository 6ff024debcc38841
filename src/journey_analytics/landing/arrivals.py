"""When each file arrived: what a later look at the same files could not tell any more.

Three answers depend on the night in which a file was first there: which of two rows of one key came first, whether a
row lies in the future, and whether it is late. They are taken then and kept, one line a file, in `arrivals.jsonl`
beside the databases: it is only ever added to, so the landing files and it give the same tables on any later day.

A file delivered anew under its name arrives again, but is no later than it was: what it corrects was on time. Files
with rows of its keys arrive again after it, so that the corrected row is the one that stays.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TypeVar

from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.contract import contract_query, happened_at
from journey_analytics.warehouse import Warehouse, explained

T = TypeVar("T")
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
    warehouse: Warehouse, source: str, files: Sequence[tuple[str, str]], *,
    again: Collection[str], published_until: datetime | None,
) -> list[Arrival]:  # fmt: skip
    """The arrival of each (file, sha256); those not known yet arrive now, in the order given, and then those `again`.

    Needs the variable `night_at`.
    """
    known = {
        row["file"]: row
        for row in warehouse.rows("select * from work.ops.arrivals where source = $1 order by arrival", [source])
    }
    number = int(warehouse.scalar("select coalesce(max(arrival), 0) from work.ops.arrivals"))
    night = warehouse.scalar("select getvariable('night_at')::timestamp")
    rows = []
    for file, sha256 in sorted(files, key=lambda each: known[each[0]]["arrival"] if each[0] in again else 0):
        before = known.get(file)
        if before is not None and before["sha256"] == sha256 and file not in again:
            continue
        number += 1
        if before is not None and before["sha256"] == sha256:
            row = {**before, "arrival": number}
        else:
            until = published_until if before is None else before["published_until"]
            row = dict(zip(COLUMNS, (number, source, file, sha256, night, until, None), strict=True))
        rows.append(row)
        known[file] = row
    warehouse.append("work.ops.arrivals", rows)
    found = [known[file] for file, _ in files]
    return [Arrival(row["arrival"], row["arrived_at"], row["published_until"]) for row in found]


def as_they_came(
    warehouse: Warehouse, project: Project, source: Source, files: Sequence[T], *, key: Callable[[T], Arrival]
) -> Iterator[list[T]]:
    """Files in their order, those of one arrival together; meanwhile rows are held against what was known then.

    Sets the variables `night_at`, `not_after` (what lies in the future) and `late_before`.
    """
    for (night, until), together in groupby(files, key=lambda each: (key(each).arrived_at, key(each).published_until)):
        late_before = until - timedelta(seconds=project.nightly.look_back) if until else None
        not_after = night + timedelta(seconds=source.clock_tolerance) if night > datetime.min else None
        for name, moment in (("night_at", night), ("not_after", not_after), ("late_before", late_before)):
            warehouse.execute(f"set variable {name} = $1::timestamp", [moment])
        yield list(together)


def is_late(source: Source) -> str:
    """Whether a landed row happened too long before what was published when its file arrived, as SQL."""
    return f"{happened_at(source)} < getvariable('late_before')::timestamp"


def without_late(source: Source) -> str:
    """The contract's SELECT, in which late rows are marked `_is_late` and are out of scope."""
    return f"""
        with held as (
            select *, coalesce(_reasons is null and _is_in_scope and {is_late(source)}, false) as _is_late
            from ({contract_query(source)}))
        select * replace (_is_in_scope and not _is_late as _is_in_scope) from held"""


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
    """Add what is not yet in the file to it.

    Raises
    ------
    ResourceError : the disk refused
    """
    try:
        _keep(warehouse, folder / FILE)
    except OSError as error:
        raise explained(error) from error


def _keep(warehouse: Warehouse, path: Path) -> None:
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
