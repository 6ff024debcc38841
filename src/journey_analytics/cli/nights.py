"""The night and its steps."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, plain, print_json
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project, home, load_project
from journey_analytics.night import Night
from journey_analytics.progress import Progress, silent
from journey_analytics.publish import PUBLISHED

AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Exclusive end of the data (UTC), such as 2026-11-03; the last complete day by default."
    ),
]


def run(project: ProjectOption = HERE, as_of: AsOfOption = None, json_: JsonOption = False) -> None:
    """Run the whole night: land, judge, build, find, report, publish."""
    with night_of(project, as_of, json_) as night:
        the_night()(night)
    say_published(night, json_)


def rebuild(project: ProjectOption = HERE, as_of: AsOfOption = None, json_: JsonOption = False) -> None:
    """Run the whole night from the landing files alone, beside the live databases, and swap the result in."""
    with night_of(project, as_of, json_, rebuild=True) as night:
        the_night()(night)
    say_published(night, json_)


def land(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Load what is new of every feed; nothing is published."""
    with night_of(project, None, json_) as night:
        night.land()
    finish(night, json_)


def build(project: ProjectOption = HERE, as_of: AsOfOption = None, json_: JsonOption = False) -> None:
    """Build the models from what has landed, after judging the feeds; nothing is published."""
    with night_of(project, as_of, json_) as night:
        night.begin()
        night.judge_feeds()
        night.build()
    finish(night, json_)


def judge(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Judge the built tables again; exit code 60 where a `fail` check is not met."""
    with night_of(project, None, json_) as night:
        night.resume()
        night.judge_marts()
    finish(night, json_)


def find(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Turn the built numbers into findings."""
    with night_of(project, None, json_) as night:
        night.resume()
        night.find()
    finish(night, json_)


def report(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Write the report from what is built, beside the published one."""
    with night_of(project, None, json_) as night:
        night.resume()
        night.report()
    finish(night, json_)


def publish(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Verify what is built and reported, and swap it in whole."""
    with night_of(project, None, json_) as night:
        night.resume()
        night.publish()
    say_published(night, json_)


@contextmanager
def night_of(project: Path, as_of: str | None, json_: bool, *, rebuild: bool = False) -> Iterator[Night]:
    """A night on a project, with its progress shown, or silent where a machine listens."""
    progress = Progress()
    told, passing = (silent, silent) if json_ else (progress.told, progress.passing)
    try:
        whole = load_project(project.resolve())
        with Night(whole, as_of=as_of_told(as_of), told=told, passing=passing, rebuild=rebuild) as night:
            yield night
    finally:
        progress.done()


def the_night() -> Callable[[Night], None]:
    """The night as `pipelines/nightly.py` of the tool's own home tells it."""
    path = home() / "pipelines" / "nightly.py"
    spec = importlib.util.spec_from_file_location("nightly", path)
    if spec is None or spec.loader is None:
        raise ConfigError("is missing", where=str(path), do="install journey-analytics again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told: Callable[[Night], None] = module.nightly
    return told


def as_of_told(text: str | None) -> datetime | None:
    """The date a person wrote after --as-of."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is not a date", where="--as-of", allowed="2026-11-03 or 2026-11-03T06:00:00 (UTC)"
        ) from error


def say_published(night: Night, json_: bool) -> None:
    """Say where the report and the database are; end with the night's exit code."""
    published = night.published
    if published is None:
        raise ConfigError(
            "the night ended without a publication", where="pipelines/nightly.py", do="call night.publish() last"
        )
    project: Project = night.project
    paths = {"report": project.reports / "latest" / "index.html", "database": project.warehouse / PUBLISHED}
    if json_:
        print_json(
            {
                "run_id": published.run_id,
                "as_of": published.as_of,
                "exit_code": night.exit_code,
                **{k: str(v) for k, v in paths.items()},
            }
        )
    else:
        for name, path in paths.items():
            print(f"{name:<12} {path}")
    raise typer.Exit(night.exit_code)


def finish(night: Night, json_: bool) -> None:
    """End a single step with the night's exit code."""
    unmet = [plain(check) for check in night.checks if not check.is_met]
    if json_:
        print_json({"exit_code": night.exit_code, "as_of": night.as_of, "unmet_checks": unmet})
    raise typer.Exit(night.exit_code)
