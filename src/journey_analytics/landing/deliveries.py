"""Which files have arrived, and what the ledger knows of them.

A file is known by its bytes. The same bytes under another name are a copy; other bytes under a known name replace what
that name brought before. A file that is not whole yet is left for the next night: its name says so, its feed's
`complete:` is not met, or it changes while it is read.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.landing import arrivals
from journey_analytics.landing.arrivals import Arrival
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.privacy import masked_name
from journey_analytics.landing.readers import Fingerprint, fingerprint
from journey_analytics.warehouse import Warehouse

# Endings of names under which a file is written before it gets its own.
UNFINISHED = (".tmp", ".part", ".partial", ".filepart")

NO_PRINT = Fingerprint("", 0)
NOT_YET = Arrival(0, datetime.min, None)
HASHERS = 4


@dataclass
class File:
    """One file on its way in. `state` is its size and time of change when it was looked at; `is_split`: some of its
    rows have landed before it was read whole; `notes`: what is worth counting of its columns."""

    path: Path
    name: str
    file_id: str
    print: Fingerprint = NO_PRINT
    state: tuple[int, int] | None = None
    n_read: int = 0
    arrival: Arrival = NOT_YET
    status: str = "loaded"
    reason: str | None = None
    is_split: bool = False
    notes: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether nothing has spoken against it so far."""
        return self.status == "loaded"

    def refuse(self, reason: str, status: str = "refused") -> File:
        """Keep nothing of this file, and say why."""
        self.status, self.reason, self.n_read = status, reason, 0
        return self

    def refuse_if_changed(self) -> None:
        """A file that is not what it was when it was looked at is still being written."""
        if _state(self.path) != self.state:
            self.refuse("changed while it was read", "in_flight")


def files_of(project: Project, source: Source) -> list[Path]:
    """A feed's files in the landing folder, in a fixed order; hidden and temporary ones left out.

    Links that lead out of the landing folder are not followed.
    """
    return [path for path in _matching(project, source.lands) if path.suffix not in UNFINISHED]


def _unfinished(project: Project, source: Source) -> list[Path]:
    """Files that would be a feed's if their names did not say that they are still being written."""
    longer = [f"{glob}{ending}" for glob in source.lands for ending in UNFINISHED]
    return [path for path in _matching(project, [*source.lands, *longer]) if path.suffix in UNFINISHED]


def _matching(project: Project, globs: Sequence[str]) -> list[Path]:
    root = project.landing.resolve()
    found = {path for glob in globs for path in project.landing.glob(glob)}
    return sorted(
        path
        for path in found
        if path.is_file() and not path.name.startswith((".", "_")) and path.resolve().is_relative_to(root)
    )


def name_of(project: Project, path: Path) -> str:
    """How the ledger calls a file: its path below the landing folder, as text that can be shown anywhere.

    A path that holds an address, or a number to call, is shown without it; a keyed hash keeps two such files apart.

    Raises
    ------
    ConfigError : it holds one, and there is no key to tell such files apart with
    """
    name = path.relative_to(project.landing).as_posix().encode("utf-8", "backslashreplace").decode()
    printable = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in name)
    shown = "/".join(map(masked_name, printable.split("/")))
    if shown == printable:
        return printable
    if project.key is None:
        raise ConfigError(
            f"a delivered file is called after somebody, {shown}, and there is no key to tell such files apart with",
            where="nightly.yml (key)", allowed="file names without addresses, or a pseudonymisation key",
            do=f"export {project.nightly.key.environment}, or have the files named by their day",
        )  # fmt: skip
    return f"{shown}~{hmac.new(project.key, name.encode(), hashlib.sha256).hexdigest()[:12]}"


def without_keys(names: Collection[str]) -> set[str]:
    """The names of files without what changes with the key."""
    return {re.sub(r"~[0-9a-f]{12}$", "", name) for name in names}


def new_files(
    warehouse: Warehouse, project: Project, source: Source, paths: Sequence[Path], again: Collection[str] = ()
) -> list[File]:  # fmt: skip
    """Files whose bytes the ledger does not know; one with the size and time it had last night is not read again.

    Whatever a changed file brought before is taken out of the landing table and the ledger. Files with duplicates go
    with it and come `again`: a row may have been one of a row that is gone.
    """
    looked_at = _changed(warehouse, project, source, paths)
    ledger = warehouse.rows(
        "select file_id, file, sha256, status, n_duplicate from work.ops.loads where source = $1", [source.source]
    )
    now = {file.name: file.file_id for file in looked_at if file.is_good}
    replaced = [row for row in ledger if row["file_id"] != now.get(row["file"], row["file_id"])]
    if replaced:
        bytes_gone = {row["sha256"] for row in replaced if row["status"] == "loaded"}
        doubled = {name_of(project, path) for path in paths} & {row["file"] for row in ledger if row["n_duplicate"]}
        gone = [row for row in ledger if row in replaced or row["sha256"] in bytes_gone or row["file"] in doubled]
        _forget(warehouse, source, gone)
        again = {row["file"] for row in gone} - {row["file"] for row in replaced}
        return new_files(warehouse, project, source, paths, again)
    _forget(warehouse, source, [row for row in ledger if row["status"] == "in_flight"])
    known = {row["sha256"]: row["file"] for row in ledger if row["status"] == "loaded"}
    recorded = {row["file_id"] for row in ledger if row["status"] != "in_flight"}
    remember(warehouse, source, [file for file in looked_at if file.file_id in recorded])
    new = [file for file in looked_at if not file.is_good or file.file_id not in recorded]
    for file in _arrived(warehouse, source, new, again):
        original = known.setdefault(file.print.sha256, file.name) if file.is_good else file.name
        if original != file.name:
            file.refuse(f"holds the same bytes as {original}", "copy")
    return sorted(new, key=lambda file: file.arrival.arrival)


def _arrived(warehouse: Warehouse, source: Source, files: Sequence[File], again: Collection[str]) -> list[File]:
    """The files in the order in which they arrived; those still in flight have not."""
    there = [file for file in files if file.status != "in_flight"]
    until = warehouse.scalar("select getvariable('published_until')::timestamp")
    names = [(file.name, file.print.sha256) for file in there]
    noted = arrivals.note(warehouse, source.source, names, again=again, published_until=until)
    for file, arrival in zip(there, noted, strict=True):
        file.arrival = arrival
    return sorted(there, key=lambda file: file.arrival.arrival)


def remember(warehouse: Warehouse, source: Source, files: Sequence[File]) -> None:
    """Note size and time of files that need not be read again as long as these stay."""
    if not files:
        return
    warehouse.execute(
        "delete from work.ops.seen_files where source = $1 and file in (select unnest($2::varchar[]))",
        [source.source, [file.name for file in files]],
    )
    warehouse.append("work.ops.seen_files", [
        {"source": source.source, "file": file.name, "bytes": file.state[0], "modified_ns": file.state[1]}
        for file in files if file.state is not None and file.status != "in_flight"
    ])  # fmt: skip


def list_waiting(warehouse: Warehouse, source: str, waiting: Mapping[str, str]) -> None:
    """List in the ledger files that have not arrived yet, and why."""
    counts = dict.fromkeys(("bytes", "n_read", "n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope"), 0)
    warehouse.append("work.ops.loads", [
        {"file_id": _file_id(source, name, ""), "source": source, "file": name, "sha256": "", **counts,
         "status": "in_flight", "reason": reason}
        for name, reason in waiting.items()
    ])  # fmt: skip


def _changed(warehouse: Warehouse, project: Project, source: Source, paths: Sequence[Path]) -> list[File]:
    rows = warehouse.rows("select file, bytes, modified_ns from work.ops.seen_files where source = $1", [source.source])
    seen = {row["file"]: (row["bytes"], row["modified_ns"]) for row in rows}
    night = warehouse.scalar("select epoch(getvariable('night_at')::timestamp)")
    changed = [
        _in_flight(project, source, path, "is still being written, as its name says")
        for path in _unfinished(project, source)
    ]
    whole: list[tuple[Path, str, tuple[int, int] | None]] = []
    for path in paths:
        name, state = name_of(project, path), _state(path)
        if state is not None and seen.get(name) == state:
            continue
        if (reason := _not_whole(path, state, source, night)) is not None:
            changed.append(_in_flight(project, source, path, reason))
        else:
            whole.append((path, name, state))
    with ThreadPoolExecutor(max_workers=HASHERS) as pool:
        prints = list(pool.map(_print_or_reason, [path for path, *_ in whole]))
    for (path, name, state), print_ in zip(whole, prints, strict=True):
        if isinstance(print_, Fingerprint):
            changed.append(File(path, name, _file_id(source.source, name, print_.sha256), print_, state))
        else:
            changed.append(File(path, name, _file_id(source.source, name, "")).refuse(print_))
    return changed


def _print_or_reason(path: Path) -> Fingerprint | str:
    """What a file is, or why it cannot be read."""
    try:
        return fingerprint(path)
    except UnreadableFile as error:
        return str(error)


def _in_flight(project: Project, source: Source, path: Path, reason: str) -> File:
    name = name_of(project, path)
    return File(path, name, _file_id(source.source, name, "")).refuse(reason, "in_flight")


def _not_whole(path: Path, state: tuple[int, int] | None, source: Source, night: float) -> str | None:
    """Why a file has to wait; None where nothing speaks against it. `night` is the night's start, seconds since 1970.

    What is fetched is whole: whoever fetched it has looked at where it comes from.
    """
    if source.complete is None or source.fetch is not None or state is None:
        return None
    marker = source.complete.marker_of(path.name)
    if marker is not None and not (path.parent / marker).is_file():
        return f"waits for {marker} beside it"
    quiet = source.complete.ready_when
    if quiet is not None and night - state[1] / 1e9 < quiet:
        return f"was written to less than {quiet / 60:g} minutes before the night began"
    return None


def _forget(warehouse: Warehouse, source: Source, rows: Sequence[dict[str, str]]) -> None:
    for row in rows:
        warehouse.execute(f"delete from work.landing.{quoted(source.source)} where file_id = $1", [row["file_id"]])
        for table in ("rejects", "loads", "load_notes"):
            warehouse.execute(f"delete from work.ops.{table} where file_id = $1", [row["file_id"]])
        warehouse.execute(
            "delete from work.ops.seen_files where source = $1 and file = $2", [source.source, row["file"]]
        )


def _state(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_size, state.st_mtime_ns


def _file_id(source: str, name: str, sha256: str) -> str:
    return hashlib.sha256(f"{source}\0{name}\0{sha256}".encode()).hexdigest()[:16]
