"""What a feed brings from elsewhere, brought into the landing folder: from there on it is a file like any other.

Only what is new or changed is fetched; the ledger knows what was fetched from where. A feed that cannot be fetched
ends the night where it is required, and is told where it is not: what it brought before is still there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from journey_analytics.errors import ConfigError, InputError, JourneyError, ResourceError
from journey_analytics.facts.config import Project
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.deliveries import UNFINISHED, list_waiting, name_of
from journey_analytics.landing.placing import sweep
from journey_analytics.landing.remote import Changed, Remote, Store, pattern
from journey_analytics.landing.tables import NUMBERED, export
from journey_analytics.warehouse import Warehouse

# So many objects are fetched at once; and after so many it is looked whether the store can still be reached.
AT_ONCE = 4
TOGETHER = 32


@dataclass
class Fetched:
    """What was fetched of one feed tonight: how many files, what waits and why, and what failed."""

    source: str
    n_new: int = 0
    n_known: int = 0
    waiting: dict[str, str] = field(default_factory=dict)
    failed: list[JourneyError] = field(default_factory=list)


def fetch(warehouse: Warehouse, project: Project, now: datetime) -> list[Fetched]:
    """Fetch what is new of every feed that says `fetch:`.

    Raises
    ------
    ConfigError : a library, a variable or a folder is missing
    InputError : a required feed's place does not exist, or may not be read
    ResourceError : a required feed's place cannot be reached
    """
    fetched = []
    for source in project.sources.values():
        if source.fetch is None:
            continue
        brought = Fetched(source.source)
        fetched.append(brought)
        try:
            sweep(project.landing / source.folder)
            if source.fetch.from_ is not None:
                _from_store(warehouse, project, source, now, brought)
            else:
                _from_table(project, source, brought)
        except (InputError, ResourceError) as error:
            brought.failed.append(error)
        if brought.failed and source.required:
            raise _of_required(source, brought.failed)
    return fetched


def told(fetched: Sequence[Fetched]) -> Iterator[tuple[str, bool]]:
    """What was fetched, what waits and what failed, in words; and whether that is a warning."""
    for feed in fetched:
        yield f"{feed.source}: fetched {feed.n_new}; {feed.n_known} are as they were", False
        yield from ((f"{name}: {reason}; the next night takes it", False) for name, reason in feed.waiting.items())
        for failure in feed.failed:
            yield f"{feed.source} was not fetched whole: {failure.where}: {failure.reason}", True


def note_waiting(warehouse: Warehouse, fetched: Sequence[Fetched]) -> None:
    """List in the ledger what has not been fetched yet, since it is not whole where it comes from."""
    for each in fetched:
        list_waiting(warehouse, each.source, each.waiting)


def _of_required(source: Source, failed: Sequence[JourneyError]) -> JourneyError:
    first = failed[0]
    more = f"; and {len(failed) - 1} more" if len(failed) > 1 else ""
    return type(first)(
        f"the required feed {source.source} cannot be fetched: {first.reason}{more}", where=first.where,
        do=f"{first.do}; or say `required: false` to go on without it",
    )  # fmt: skip


def _from_store(warehouse: Warehouse, project: Project, source: Source, now: datetime, brought: Fetched) -> None:
    """Fetch the objects that are new or changed; what the ledger knows of each is written as it arrives."""
    assert source.fetch is not None
    store = Store(str(source.fetch.from_))
    sql = "select object, stamp from work.ops.fetched where source = $1 and place = $2"
    known = {row["object"]: row["stamp"] for row in warehouse.rows(sql, [source.source, store.address])}
    wanted: list[tuple[Remote, Path]] = []
    for remote, reason in _judged(store.objects(), source, now):
        target = project.landing / source.folder / remote.name
        if reason is not None:
            brought.waiting[name_of(project, target)] = reason
        elif known.get(remote.name) == remote.stamp and target.is_file():
            brought.n_known += 1
        elif _may_land(project, source, target):
            wanted.append((remote, target))
    with ThreadPoolExecutor(AT_ONCE) as hands:
        for start in range(0, len(wanted), TOGETHER):
            together = wanted[start : start + TOGETHER]
            arrived = list(hands.map(lambda each: _brought(store, *each), together))
            for (remote, target), failure in zip(together, arrived, strict=True):
                if failure is None:
                    brought.n_new += 1
                    _remember(warehouse, source, store, remote)
                elif isinstance(failure, Changed):
                    brought.waiting[name_of(project, target)] = "changed while it was fetched"
                else:
                    brought.failed.append(failure)
            if brought.failed:
                return


def _from_table(project: Project, source: Source, brought: Fetched) -> None:
    """Export what is new of a table of another database."""
    assert source.fetch is not None
    folder, dsn = project.landing / source.folder, None
    _may_land(project, source, folder / f"{source.fetch.table}-{1:0{NUMBERED}d}.parquet")
    if source.fetch.postgres is not None:
        dsn = os.environ.get(source.fetch.postgres)
        if not dsn:
            raise ConfigError(
                f"the environment variable {source.fetch.postgres} is not set", where=f"sources/{source.source}.yml",
                do="set it to the DSN of the database, such as postgresql://reader@host/shop",
            )  # fmt: skip
    allowed = [project.root, *(project.root / folder for folder in project.nightly.read_from)]
    brought.n_new += len(export(source, folder, allowed, dsn))


def _brought(store: Store, remote: Remote, target: Path) -> JourneyError | Changed | None:
    """Fetch one object; what kept it from arriving, or None."""
    try:
        store.fetch(remote, target)
    except (InputError, ResourceError, Changed) as error:
        return error
    except OSError as error:
        return ResourceError(
            f"the landing folder refused {target.name}: {error.strerror}", where=store.address,
            do="free disk space, check permissions and names",
        )  # fmt: skip
    return None


def _judged(objects: Sequence[Remote], source: Source, now: datetime) -> Iterator[tuple[Remote, str | None]]:
    """(object, why it has to wait; None where it is whole) of those that the feed matches and that are data."""
    assert source.fetch is not None
    matching, names = pattern(source.fetch.match), {each.name for each in objects}
    night = now.replace(tzinfo=UTC).timestamp()
    for each in objects:
        folder, _, name = each.name.rpartition("/")
        is_data = bool(name) and not name.startswith((".", "_")) and matching.fullmatch(each.name)
        if not is_data or any(part in ("", ".", "..") or part.startswith(".") for part in folder.split("/") if folder):
            continue
        if name.endswith(UNFINISHED):
            yield each, "is still being written, as its name says"
            continue
        marker = source.complete.marker_of(name) if source.complete else None
        quiet = source.complete.ready_when if source.complete else None
        if marker is not None and (f"{folder}/{marker}" if folder else marker) not in names:
            yield each, f"waits for {marker} beside it"
        elif quiet is not None and each.modified is not None and night - each.modified < quiet:
            yield each, f"was written to less than {quiet / 60:g} minutes before the night began"
        else:
            yield each, None


def _may_land(project: Project, source: Source, target: Path) -> bool:
    name = target.relative_to(project.landing).as_posix()
    if any(pattern(glob).fullmatch(name) for glob in source.lands):
        return True
    raise ConfigError(
        f"fetches {name_of(project, target)}, which `lands: {', '.join(source.lands)}` does not take",
        where=f"sources/{source.source}.yml", do="narrow `fetch: match`, or widen `lands:`",
    )  # fmt: skip


def _remember(warehouse: Warehouse, source: Source, store: Store, remote: Remote) -> None:
    place = [source.source, store.address, remote.name]
    warehouse.execute("delete from work.ops.fetched where source = $1 and place = $2 and object = $3", place)
    warehouse.append("work.ops.fetched", [
        dict(zip(("source", "place", "object"), place, strict=True)) | {"stamp": remote.stamp, "bytes": remote.size}
    ])  # fmt: skip
