"""`journey funnel`: one funnel, from a file or from what was published, with every rule it was counted by."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from journey_analytics import publish
from journey_analytics.cli import funnelviews
from journey_analytics.cli.funnelviews import Format
from journey_analytics.cli.shared import HERE, ProjectOption
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import load_project
from journey_analytics.facts.fields import parse_duration
from journey_analytics.facts.presets import PRESETS, RULES, known
from journey_analytics.funnels.inputs import Names, Opened, open_events
from journey_analytics.funnels.notebook import Funnel

EventsOption = Annotated[
    Path | None, typer.Option(help="Any .csv, .jsonl, .parquet or .duckdb file; needs no project.")
]
CompareOption = Annotated[
    str | None, typer.Option(help=f"Say, rule by rule, why another tool's number differs: {', '.join(PRESETS)}.")
]
KeepOption = Annotated[
    list[str] | None, typer.Option(help=f"With --compare: a rule the tool was set to as here; {', '.join(RULES)}.")
]
PreviousOption = Annotated[str | None, typer.Option(help="The latest such time against the one before, such as 28d.")]
GroupsOption = Annotated[
    bool, typer.Option("--compare-groups", help="Every group of the breakdown against the largest.")
]


def funnel(
    file: Annotated[Path, typer.Argument(help="The funnel's definition, a YAML file.")],
    events: EventsOption = None,
    project: ProjectOption = HERE,
    format_: Annotated[Format, typer.Option("--format")] = Format.table,
    show_sql: Annotated[bool, typer.Option("--show-sql", help="Print the SELECT instead of running it.")] = False,
    dialect: Annotated[str, typer.Option(help="The SQL dialect of --show-sql, such as duckdb or spark.")] = "duckdb",
    explain: Annotated[bool, typer.Option("--explain", help="Say which rule made each number.")] = False,
    who: Annotated[int | None, typer.Option(help="List the customers who reached step K.")] = None,
    lost: Annotated[int | None, typer.Option(help="List those lost before step K; not those still open.")] = None,
    compare: CompareOption = None,
    keep: KeepOption = None,
    times: Annotated[bool, typer.Option("--times", help="How long it takes from step to step.")] = False,
    weeks: Annotated[bool, typer.Option("--weeks", help="By the week of the first step, once time is over.")] = False,
    instead: Annotated[int | None, typer.Option(help="What those lost before step K did next.")] = None,
    within: Annotated[str | None, typer.Option(help="How soon, for --instead, such as 24h.")] = None,
    compare_previous: PreviousOption = None,
    compare_groups: GroupsOption = False,
    customer_id: Annotated[str, typer.Option(help="The column that holds the customer.")] = "customer_id",
    event_at: Annotated[str, typer.Option(help="The column that holds the time.")] = "event_at",
    event_name: Annotated[str, typer.Option(help="The column that holds the event's name.")] = "event_name",
    table: Annotated[str | None, typer.Option(help="Which table of a .duckdb file.")] = None,
) -> None:  # fmt: skip
    """Count a funnel over any file of events, or over what this project published."""
    asked = Funnel.from_yaml(file)
    lists = {
        "--times": times or None, "--weeks": weeks or None, "--instead": instead, "--who": who, "--lost": lost,
        "--compare-previous": compare_previous, "--compare-groups": compare_groups or None,
    }  # fmt: skip
    chosen = _one_of(lists, within)
    _check_compare(compare, keep, other=bool(show_sql or explain or chosen))
    log = _opened(events, project, Names(customer_id, event_at, event_name), table)
    try:
        if show_sql:
            print(asked.sql(log, dialect=dialect))
        elif chosen:
            funnelviews.show(chosen, asked.definition, _listed(asked, log, chosen, lists[chosen], within), format_)
        elif compare is not None:
            funnelviews.show_waterfall(
                asked.compared(log, compare, keep=keep or ()), compare, format_, asked.definition.funnel
            )
        else:
            funnelviews.show_answer(asked.answer(log), format_, explain)
    finally:
        log.warehouse.close()


def _one_of(lists: dict[str, Any], within: str | None) -> str | None:
    """The option that asks for a list, if any does."""
    chosen = [name for name, value in lists.items() if value is not None]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} ask for two lists", allowed="one of them", do="run it twice")
    if within is not None and chosen != ["--instead"]:
        raise ConfigError("--within says how soon a next touch comes", allowed="with --instead K")
    return chosen[0] if chosen else None


def _listed(asked: Funnel, log: Opened, name: str, value: Any, within: str | None) -> list[dict[str, Any]]:
    """The rows that one of the options asks for."""
    if name == "--times":
        return asked.times(log)
    if name == "--weeks":
        return asked.weeks(log)
    if name == "--instead":
        return asked.instead(log, value, within=None if within is None else _seconds(within, "--within"))
    if name == "--compare-previous":
        return asked.compared_with_previous(log, _seconds(value, name))
    if name == "--compare-groups":
        return asked.compared_groups(log)
    return asked.customers(log, value, lost=name == "--lost")


def _seconds(text: str, option: str) -> float:
    """`28d` or `28 days` as seconds."""
    units = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
    short = re.fullmatch(r"(\d+)([mhdw])", text.strip())
    try:
        return parse_duration(f"{short[1]} {units[short[2]]}" if short else text)
    except ValueError as error:
        raise ConfigError(str(error), where=option, allowed="28d, 24h, or 28 days in quotes") from error


def _opened(events: Path | None, project: Path, names: Names, table: str | None) -> Opened:
    if events is not None:
        return open_events(events, names, table=table)
    loaded = load_project(project.resolve())
    return open_events(_published(loaded.warehouse / publish.PUBLISHED), names, table=table)


def _published(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(
            "nothing has been published yet", where=path.name, do="journey run, or name a file with --events"
        )
    return path


def _check_compare(preset: str | None, keep: list[str] | None, *, other: bool) -> None:
    if preset is None:
        if keep:
            raise ConfigError("--keep says what --compare leaves as it is", do="add --compare TOOL")
        return
    if other:
        raise ConfigError(
            "--compare is an answer of its own", allowed="it without --show-sql, --explain and the options that list"
        )
    try:
        known(preset)
    except ValueError as error:
        raise ConfigError(f"--compare: {error}") from error
