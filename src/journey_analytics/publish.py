"""What is live: the published database and report, replaced whole, kept for a while, and put back when asked.

The order of a publication: verify the new file by reading all of it; give it to its folder under the run's id; replace
`journey.duckdb`; replace the report's links; replace `latest.json`, which is the commit point. Every step is a rename,
so a reader sees the old whole or the new whole, and a night that is killed anywhere leaves the last publication as it
was.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from journey_analytics.errors import ConfigError, JourneyError, LockHeld, ResourceError, VerificationError
from journey_analytics.warehouse import scan_whole

PUBLISHED = "journey.duckdb"
MANIFEST = "latest.json"


@dataclass(frozen=True)
class Publication:
    """One publication: which run, which files, and where it stands in the order of publications."""

    run_id: str
    as_of: str
    sequence: int
    database: str
    report: str
    sha256: dict[str, str] = field(default_factory=dict)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold the warehouse for one night; the kernel lets go of it when the process ends, however it ends.

    Raises
    ------
    LockHeld : another process holds it; the message says which, and since when
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", where=folder.name, do="correct `warehouse:` in nightly.yml"
        ) from error
    with file:
        _acquire(file)
        try:
            file.seek(0)
            file.truncate()
            file.write(f"process {os.getpid()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
            file.flush()
        except OSError as error:
            raise ResourceError(
                f"the disk refused: {error.strerror}", where=folder.name, do="free disk space, then run again"
            ) from error
        yield


def _acquire(file: IO[str]) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.seek(0)
        raise LockHeld(
            f"another night is running ({file.read() or 'unknown process'})",
            do="wait for it to end; nothing was changed",
        ) from error


def verify(database: Path) -> int:
    """Read a finished database file whole. Returns the rows read.

    Raises
    ------
    VerificationError : it is damaged, or a write-ahead log still stands beside it
    """
    if database.with_name(database.name + ".wal").exists():
        raise VerificationError("was not written whole: a write-ahead log stands beside it", where=database.name)
    try:
        return scan_whole(database)
    except JourneyError as error:
        raise VerificationError(
            error.reason, where=database.name, do="run the night again; the disk may be failing"
        ) from error


def publish(
    warehouse: Path, reports: Path, staged_report: Path, *, built: Path, run_id: str, as_of: datetime, keep: int
) -> Publication:
    """Make a finished database and the staged report what everybody sees.

    Parameters
    ----------
    warehouse, reports : the project's folders
    built : the database, in the warehouse's file system; it is moved away
    staged_report : a folder inside `reports` with index.html, report.json and the CSV files
    keep : how many publications stay on disk, this one included

    Raises
    ------
    VerificationError : what was built cannot be read whole; nothing has changed
    ResourceError : the disk refused
    """
    verify(built)
    try:
        published = _store(warehouse, reports, staged_report, built, run_id, as_of)
        _go_live(warehouse, reports, published)
        _forget_old(warehouse, reports, published, keep)
    except OSError as error:
        raise ResourceError(
            f"could not be published: {error.strerror}", where=str(error.filename or warehouse.name),
            do="free disk space or mend permissions, then run again; the last publication is untouched",
        ) from error  # fmt: skip
    return published


def publications(warehouse: Path) -> list[Publication]:
    """Every publication on disk, the latest first."""
    manifests = (warehouse / "publications").glob("*.json")
    found = [Publication(**json.loads(path.read_text(encoding="utf-8"))) for path in manifests]
    return sorted(found, key=lambda publication: -publication.sequence)


def current(reports: Path) -> Publication | None:
    """What is live now, as `latest.json` says; None before the first publication."""
    path = reports / MANIFEST
    if not path.is_file():
        return None
    return Publication(**json.loads(path.read_text(encoding="utf-8")))


def is_as_published(warehouse: Path, publication: Publication) -> bool:
    """Whether a publication's database is there, byte for byte as it was published."""
    path = warehouse / publication.database
    return path.is_file() and _sha256(path) == publication.sha256.get(PUBLISHED)


def rollback(warehouse: Path, reports: Path) -> Publication:
    """Put the publication before the live one back.

    Raises
    ------
    ConfigError : there is none
    """
    live = current(reports)
    earlier = [item for item in publications(warehouse) if live is None or item.sequence < live.sequence]
    if not earlier:
        raise ConfigError(
            "there is no earlier publication to put back",
            allowed="a publication that is still on disk",
            do="nothing: the live one is the only one",
        )
    verify(warehouse / earlier[0].database)
    _go_live(warehouse, reports, earlier[0])
    return earlier[0]


def withdraw(warehouse: Path, reports: Path, gone: Sequence[Publication]) -> None:
    """Remove publications that are not live, database and report, before their retention ends."""
    kept = [item for item in publications(warehouse) if item not in gone]
    _remove(warehouse, reports, gone, {item.report for item in kept})


def sweep(warehouse: Path, reports: Path) -> None:
    """Remove what a killed night left behind."""
    for leftover in (*warehouse.glob("*.tmp"), *reports.glob(".*.tmp")):
        shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
    shutil.rmtree(warehouse / "spill", ignore_errors=True)


def _store(warehouse: Path, reports: Path, staged: Path, built: Path, run_id: str, as_of: datetime) -> Publication:
    """Move what was built to where publications live, and write its manifest; nothing is live yet."""
    folder = warehouse / "publications"
    folder.mkdir(exist_ok=True)
    for path in (built, *sorted(staged.rglob("*"))):
        if path.is_file():
            _sync(path)
    database = folder / f"{run_id}.duckdb"
    built.chmod(0o444)
    os.replace(built, database)
    hashes = {PUBLISHED: _sha256(database)}
    hashes.update(
        {path.relative_to(staged).as_posix(): _sha256(path) for path in sorted(staged.rglob("*")) if path.is_file()}
    )
    sequence = max((item.sequence for item in publications(warehouse)), default=0) + 1
    report = _place_report(reports, staged, f"{as_of:%Y-%m-%d}-{run_id}")
    published = Publication(run_id, as_of.isoformat(), sequence, f"publications/{database.name}", report, hashes)
    _write_whole(folder / f"{run_id}.json", json.dumps(asdict(published), indent=1, sort_keys=True) + "\n")
    return published


def _place_report(reports: Path, staged: Path, name: str) -> str:
    """Move the staged report to a folder of its own; a folder that readers may have open is never written to."""
    runs = reports / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    wanted = _contents(staged)
    for place in range(1, 1000):
        target = runs / (name if place == 1 else f"{name}.{place}")
        if not target.exists():
            os.replace(staged, target)
            _sync(runs)
            return f"runs/{target.name}"
        if _contents(target) == wanted:
            shutil.rmtree(staged)
            return f"runs/{target.name}"
    raise ResourceError("holds a thousand reports of one run", where=f"{reports.name}/runs", do="remove old ones")


def _contents(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _go_live(warehouse: Path, reports: Path, published: Publication) -> None:
    """Point everything at a stored publication; `latest.json` last."""
    live = warehouse / PUBLISHED
    stray = live.with_name(live.name + ".wal")
    if stray.exists():
        os.replace(stray, warehouse / f"{PUBLISHED}.wal.set-aside")
    beside = warehouse / f"{PUBLISHED}.tmp"
    beside.unlink(missing_ok=True)
    os.link(warehouse / published.database, beside)
    os.replace(beside, live)
    _sync(warehouse)
    day = datetime.fromisoformat(published.as_of)
    for name in (f"{day:%Y-%m-%d}", "latest"):
        _link(reports / name, published.report)
    _write_whole(reports / MANIFEST, json.dumps(asdict(published), indent=1, sort_keys=True) + "\n")


def _link(link: Path, target: str) -> None:
    if link.exists() and not link.is_symlink():
        raise ConfigError("stands where the report's link belongs", where=link.name, do="move it away and run again")
    beside = link.with_name(f".{link.name}.tmp")
    beside.unlink(missing_ok=True)
    beside.symlink_to(target)
    os.replace(beside, link)
    _sync(link.parent)


def _forget_old(warehouse: Path, reports: Path, live: Publication, keep: int) -> None:
    kept = publications(warehouse)
    needed = {item.report for item in kept[:keep]} | {live.report}
    _remove(warehouse, reports, [old for old in kept[keep:] if old.run_id != live.run_id], needed)


def _remove(warehouse: Path, reports: Path, gone: Sequence[Publication], needed: Collection[str]) -> None:
    """Remove publications; reports that are `needed` stay, and links that lead nowhere go too."""
    for old in gone:
        (warehouse / old.database).unlink(missing_ok=True)
        (warehouse / "publications" / f"{old.run_id}.json").unlink(missing_ok=True)
        if old.report not in needed:
            shutil.rmtree(reports / old.report, ignore_errors=True)
    for link in reports.iterdir():
        if link.is_symlink() and not link.exists():
            link.unlink()


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    _sync(beside)
    os.replace(beside, path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
