"""`journey`: the night and its steps on the command line.

Exit codes: 0 published, 2 published with warnings, 10 set-up, 20 input, 30 another night is running, 40 resources,
50 internal, 60 verification failed, 130 interrupted. With `--json`, standard output holds one JSON object and nothing
else.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from journey_analytics import __version__, doctor, ledger, publish
from journey_analytics.errors import EXIT_INTERRUPTED, ConfigError, JourneyError
from journey_analytics.facts.config import Project, home, load_project
from journey_analytics.night import Night, Terminated
from journey_analytics.progress import Progress, printable, silent
from journey_analytics.warehouse import DatabaseError, explained, open_published

app = typer.Typer(
    help="Learn every night where the customers' journey breaks, how sure that is, who owns it and what to do next.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

ProjectOption = Annotated[Path, typer.Option("--project", help="The shop's folder: pipelines/, optional own sql/.")]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Exclusive end of the data (UTC), such as 2026-11-03; the last complete day by default."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]

HERE = Path()
USAGE: Any = (
    typer.BadParameter.__base__
)  # what an unknown command or option raises; it ends in 10, since 2 is published


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except USAGE as error:
        print(f"journey: {error.format_message()}", file=sys.stderr)
        raise SystemExit(ConfigError.exit_code) from None
    except JourneyError as error:
        _complain(error)
        raise SystemExit(error.exit_code) from None
    except DatabaseError as error:
        _complain(explained(error))
        raise SystemExit(50) from None
    except Terminated as error:
        print(f"journey: {error}; nothing was published", file=sys.stderr)
        raise SystemExit(50) from None
    except OSError as error:
        _complain(explained(error))
        raise SystemExit(explained(error).exit_code) from None
    except (KeyboardInterrupt, typer.Abort):
        print("journey: interrupted; nothing was published", file=sys.stderr)
        raise SystemExit(EXIT_INTERRUPTED) from None
    raise SystemExit(code if isinstance(code, int) else 0)


@app.command()
def run(project: ProjectOption = HERE, as_of: AsOfOption = None, json_: JsonOption = False) -> None:
    """Run the whole night: land, judge, build, find, report, publish."""
    with _night(project, as_of, json_) as night:
        _nightly()(night)
    _say_published(night, json_)


@app.command()
def land(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Load what is new of every feed; nothing is published."""
    with _night(project, None, json_) as night:
        night.land()
    _finish(night, json_)


@app.command()
def build(project: ProjectOption = HERE, as_of: AsOfOption = None, json_: JsonOption = False) -> None:
    """Build the models from what has landed, after judging the feeds; nothing is published."""
    with _night(project, as_of, json_) as night:
        night.begin()
        night.judge_feeds()
        night.build()
    _finish(night, json_)


@app.command()
def judge(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Judge the built tables again; exit code 60 where a `fail` check is not met."""
    with _night(project, None, json_) as night:
        night.resume()
        night.judge_marts()
    _finish(night, json_)


@app.command()
def find(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Turn the built numbers into findings."""
    with _night(project, None, json_) as night:
        night.resume()
        night.find()
    _finish(night, json_)


@app.command()
def report(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Write the report from what is built, beside the published one."""
    with _night(project, None, json_) as night:
        night.resume()
        night.report()
    _finish(night, json_)


@app.command(name="publish")
def publish_command(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Verify what is built and reported, and swap it in whole."""
    with _night(project, None, json_) as night:
        night.resume()
        night.publish()
    _say_published(night, json_)


@app.command()
def runs(project: ProjectOption = HERE, limit: int = 20, json_: JsonOption = False) -> None:
    """Print the ledger of nights, newest first, as the published database knows it."""
    loaded = load_project(project.resolve())
    rows = _ledger_rows(loaded, limit)
    live = publish.current(loaded.reports)
    kept = {item.run_id for item in publish.publications(loaded.warehouse)}
    for row in rows:
        row["is_live"] = live is not None and row["run_id"] == live.run_id
        row["is_kept"] = row["run_id"] in kept
    if json_:
        _print_json({"runs": rows})
        return
    _table(
        rows,
        [
            "attempt",
            "run_id",
            "status",
            "exit_code",
            "as_of",
            "started_at",
            "ended_at",
            "is_live",
            "is_kept",
            "message",
        ],
    )


@app.command()
def rejects(
    project: ProjectOption = HERE, source: Annotated[str | None, typer.Option(help="Only this feed.")] = None,
    limit: int = 20, json_: JsonOption = False,
) -> None:  # fmt: skip
    """Print refused rows with their reasons, as the published database knows them."""
    loaded = load_project(project.resolve())
    if source is not None and source not in loaded.sources:
        raise ConfigError(
            f"the source '{source}' is not switched on", allowed=", ".join(loaded.sources), do="journey rejects"
        )
    warehouse = open_published(loaded.warehouse / publish.PUBLISHED)
    try:
        where = "where source = $source" if source else ""
        parameters = {"limit": limit, **({"source": source} if source else {})}
        rows = warehouse.rows(f"from ops.rejects {where} order by source, file, row_number limit $limit", parameters)
        count = warehouse.scalar(f"select count(*) from ops.rejects {where}", {"source": source} if source else None)
    finally:
        warehouse.close()
    if json_:
        _print_json({"n_rejects": count, "rejects": rows})
        return
    for row in rows:
        print(f"{printable(row['file'])}:{row['row_number']}: {printable('; '.join(row['reasons']))}")
        print(f"    {printable(row['row'] or '')[:300]}")
    print(f"{len(rows)} of {count} refused rows; all of them stand in ops.rejects of {publish.PUBLISHED}")


@app.command()
def rollback(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Put the previous publication back: database, report and latest.json."""
    loaded = load_project(project.resolve())
    with publish.lock(loaded.warehouse):
        restored = publish.rollback(loaded.warehouse, loaded.reports)
    if json_:
        _print_json({"run_id": restored.run_id, "as_of": restored.as_of, "report": restored.report})
        return
    print(f"live again: run {restored.run_id}, data before {restored.as_of}")


@app.command()
def sample(
    out: Annotated[Path, typer.Option(help="Where the project folder is written.")],
    customers: Annotated[int, typer.Option(min=1)] = 2500, days: Annotated[int, typer.Option(min=1, max=3650)] = 120,
    json_: JsonOption = False,
) -> None:  # fmt: skip
    """Write a made-up shop of any size: feeds, journey map and sources, ready for `journey run --project`."""
    from journey_analytics.sample.shop import SamplePlan, write_sample

    if out.exists() and any(out.iterdir()):
        raise ConfigError("is not empty", where=str(out), allowed="a new or empty folder", do="choose another --out")
    summary = write_sample(SamplePlan(customers=customers, days=days), out)
    if json_:
        _print_json({"out": str(out), **_plain(summary)})
        return
    print(f"{summary}\nnext: journey run --project {out}")


@app.command(name="doctor")
def doctor_command(project: ProjectOption = HERE, json_: JsonOption = False) -> None:
    """Say what is wrong with a set-up and how to mend it; exit code 10 where something is."""
    findings = doctor.examine(project.resolve())
    if json_:
        _print_json(
            {"is_well": all(item.is_well for item in findings), "examined": [_plain(item) for item in findings]}
        )
    else:
        for item in findings:
            print(
                f"{'ok  ' if item.is_well else 'BAD '} {item.what}" + (f"\n     {item.remedy}" if item.remedy else "")
            )
    if not all(item.is_well for item in findings):
        raise typer.Exit(ConfigError.exit_code)


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit(0)


@contextmanager
def _night(project: Path, as_of: str | None, json_: bool) -> Iterator[Night]:
    progress = Progress()
    told, passing = (silent, silent) if json_ else (progress.told, progress.passing)
    try:
        with Night(load_project(project.resolve()), as_of=_read_as_of(as_of), told=told, passing=passing) as night:
            yield night
    finally:
        progress.done()


def _nightly() -> Callable[[Night], None]:
    """The night as `pipelines/nightly.py` of the tool's own home tells it."""
    path = home() / "pipelines" / "nightly.py"
    spec = importlib.util.spec_from_file_location("nightly", path)
    if spec is None or spec.loader is None:
        raise ConfigError("is missing", where=str(path), do="install journey-analytics again")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    told: Callable[[Night], None] = module.nightly
    return told


def _read_as_of(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is not a date", where="--as-of", allowed="2026-11-03 or 2026-11-03T06:00:00 (UTC)"
        ) from error


def _say_published(night: Night, json_: bool) -> None:
    published = night.published
    if published is None:
        raise ConfigError(
            "the night ended without a publication", where="pipelines/nightly.py", do="call night.publish() last"
        )
    project: Project = night.project
    paths = {"report": project.reports / "latest" / "index.html", "database": project.warehouse / publish.PUBLISHED}
    if json_:
        _print_json(
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


def _finish(night: Night, json_: bool) -> None:
    unmet = [_plain(check) for check in night.checks if not check.is_met]
    if json_:
        _print_json({"exit_code": night.exit_code, "as_of": night.as_of, "unmet_checks": unmet})
    raise typer.Exit(night.exit_code)


def _ledger_rows(project: Project, limit: int) -> list[dict[str, Any]]:
    """The ledger from the private database, or from the published one while a night holds the private one."""
    try:
        with publish.lock(project.warehouse):
            return doctor.ledger_rows(project.warehouse, limit)
    except JourneyError:
        warehouse = open_published(project.warehouse / publish.PUBLISHED)
        try:
            return ledger.runs(warehouse, limit)
        finally:
            warehouse.close()


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=str, ensure_ascii=False, indent=1))


def _table(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(printable("" if row.get(column) is None else str(row[column])) for column in columns))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)


def _complain(error: JourneyError) -> None:
    print(f"journey: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
