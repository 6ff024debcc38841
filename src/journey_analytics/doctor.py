"""What is wrong with a set-up, and how to mend it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from journey_analytics import publish
from journey_analytics.build import models
from journey_analytics.errors import ConfigErrors, JourneyError, LockHeld
from journey_analytics.facts.config import Project, load_project
from journey_analytics.landing.deliveries import files_of
from journey_analytics.ledger import ensure
from journey_analytics.warehouse import open_night

ENOUGH_DISK = 2_000_000_000


@dataclass(frozen=True)
class Examined:
    """One thing that was looked at: whether it is well, and the remedy where it is not."""

    is_well: bool
    what: str
    remedy: str = ""


def examine(root: Path) -> list[Examined]:
    """Look at everything a night needs; nothing is changed."""
    found = [_python()]
    try:
        project = load_project(root)
    except ConfigErrors as error:
        return [
            *found,
            *(
                Examined(False, f"{mistake.where}: {mistake.reason}", mistake.do or mistake.allowed)
                for mistake in error.mistakes
            ),
        ]
    found.append(
        Examined(True, f"pipelines/: {len(project.sources)} feeds, {len(project.journey.touchpoints)} touchpoints")
    )
    found.extend(_models(project))
    found.extend(_feeds(project))
    found.append(_disk(project))
    found.append(_lock(project))
    found.append(_published(project))
    return found


def ledger_rows(folder: Path, limit: int) -> list[dict[str, Any]]:
    """The ledger of nights from the private database; the caller holds the lock."""
    warehouse = open_night(folder)
    try:
        ensure(warehouse)
        return warehouse.rows("select * from work.ops.runs order by attempt desc limit $limit", {"limit": limit})
    finally:
        warehouse.close()


def _python() -> Examined:
    fits = (3, 11) <= sys.version_info[:2] < (3, 15)
    version = ".".join(map(str, sys.version_info[:3]))
    return Examined(fits, f"Python {version}", "" if fits else "use Python 3.11 to 3.14")


def _models(project: Project) -> Iterator[Examined]:
    try:
        found = models.discover(project.sql_folders)
        models.build_order(found)
        missing = [name for name in project.sources if f"staging.stg_{name}" not in found]
        lacking = f", but none for {', '.join(missing)}" if missing else ""
        remedy = f"write sql/staging/stg_{missing[0]}.sql and .yml" if missing else ""
        yield Examined(not missing, f"sql/: {len(found)} models{lacking}", remedy)
    except JourneyError as error:
        yield Examined(False, str(error).replace("\n", " "), error.do)


def _feeds(project: Project) -> Iterator[Examined]:
    for source in project.sources.values():
        count = len(files_of(project, source))
        nothing = f"nothing matches {', '.join(source.lands)} below {project.nightly.landing}"
        remedy = f"{nothing}; deliver a file or correct `lands:`" if source.fetch is None else "the night fetches them"
        is_well = count > 0 or not source.required or source.fetch is not None
        yield Examined(is_well, f"feed {source.source}: {count} files", "" if count else remedy)


def _disk(project: Project) -> Examined:
    nearest = next(folder for folder in (project.warehouse, *project.warehouse.parents) if folder.exists())
    free = shutil.disk_usage(nearest).free
    return Examined(
        free > ENOUGH_DISK,
        f"disk: {free / 1e9:.0f} GB free",
        "" if free > ENOUGH_DISK else "free some: a night needs about six times the final file",
    )


def _lock(project: Project) -> Examined:
    if not project.warehouse.is_dir():
        return Examined(True, "no night has run yet", "journey run")
    try:
        with publish.lock(project.warehouse):
            return Examined(True, "no other night is running")
    except LockHeld as error:
        return Examined(True, error.reason)


def _published(project: Project) -> Examined:
    live = publish.current(project.reports)
    if live is None:
        return Examined(True, "nothing published yet", "journey run")
    try:
        rows = publish.verify(project.warehouse / publish.PUBLISHED)
    except JourneyError as error:
        return Examined(False, f"{publish.PUBLISHED}: {error.reason}", "journey rollback")
    return Examined(True, f"published: run {live.run_id}, {rows:,} rows, data before {live.as_of}")
