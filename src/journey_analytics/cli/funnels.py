"""`journey funnel`: one funnel, from a file or from what was published, with every rule it was counted by."""

from __future__ import annotations

import csv
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from journey_analytics import publish
from journey_analytics.cli.shared import HERE, ProjectOption, print_json, print_table
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import load_project
from journey_analytics.facts.presets import PRESETS, RULES, known
from journey_analytics.funnels import shares, waterfall, words
from journey_analytics.funnels.inputs import Names, Opened, open_events
from journey_analytics.funnels.notebook import Funnel
from journey_analytics.funnels.planner import Answer
from journey_analytics.funnels.waterfall import Switched


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def funnel(
    file: Annotated[Path, typer.Argument(help="The funnel's definition, a YAML file.")],
    events: Annotated[
        Path | None, typer.Option(help="Any .csv, .jsonl, .parquet or .duckdb file; needs no project.")
    ] = None,
    project: ProjectOption = HERE,
    format_: Annotated[Format, typer.Option("--format")] = Format.table,
    show_sql: Annotated[bool, typer.Option("--show-sql", help="Print the SELECT instead of running it.")] = False,
    dialect: Annotated[str, typer.Option(help="The SQL dialect of --show-sql, such as duckdb or spark.")] = "duckdb",
    explain: Annotated[bool, typer.Option("--explain", help="Say which rule made each number.")] = False,
    who: Annotated[int | None, typer.Option(help="List the customers who reached step K.")] = None,
    lost: Annotated[int | None, typer.Option(help="List those lost before step K; not those still open.")] = None,
    compare: Annotated[
        str | None, typer.Option(help=f"Say, rule by rule, why another tool's number differs: {', '.join(PRESETS)}.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help=f"With --compare: a rule the tool was set to as here; {', '.join(RULES)}.")
    ] = None,
    customer_id: Annotated[str, typer.Option(help="The column that holds the customer.")] = "customer_id",
    event_at: Annotated[str, typer.Option(help="The column that holds the time.")] = "event_at",
    event_name: Annotated[str, typer.Option(help="The column that holds the event's name.")] = "event_name",
    table: Annotated[str | None, typer.Option(help="Which table of a .duckdb file.")] = None,
) -> None:  # fmt: skip
    """Count a funnel over any file of events, or over what this project published."""
    asked = Funnel.from_yaml(file)
    if who is not None and lost is not None:
        raise ConfigError("--who and --lost ask for two lists", allowed="one of them", do="run it twice")
    _check_compare(compare, keep, other=show_sql or explain or who is not None or lost is not None)
    log = _opened(events, project, Names(customer_id, event_at, event_name), table)
    try:
        if show_sql:
            print(asked.sql(log, dialect=dialect))
        elif who is not None or lost is not None:
            step = who if who is not None else lost
            _print(asked.customers(log, int(step or 0), lost=lost is not None), format_, asked.definition.funnel)
        elif compare is not None:
            _print_waterfall(asked.compared(log, compare, keep=keep or ()), compare, format_, asked.definition.funnel)
        else:
            _print_answer(asked.answer(log), format_, explain)
    finally:
        log.warehouse.close()


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


def _print_answer(answer: Answer, format_: Format, explain: bool) -> None:
    for warning in answer.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if format_ is Format.json:
        print_json({**answer.as_json(), **({"explained": words.explained(answer)} if explain else {})})
        return
    if format_ is Format.csv:
        _print_csv([{name: row[name] for name in shares.COLUMNS} for row in answer.rows], shares.COLUMNS)
    else:
        _print_steps(answer)
    if explain:
        said = sys.stderr if format_ is Format.csv else sys.stdout
        print("\n" + "\n".join(words.explained(answer)), file=said)


def _print_steps(answer: Answer) -> None:
    """The steps as people read them: shares in percent with their bounds, times in the largest unit that fits."""
    columns = ["step_number", "step", "n", "open", "lost", "of first", "of previous", "median from previous", "revenue"]
    if answer.funnel.breakdown:
        columns.insert(0, answer.funnel.breakdown.by)
    rows = []
    for row in answer.rows:
        shown: dict[str, Any] = {
            "step_number": row["step_number"], "step": row["step"], "n": f"{row['n']:,}",
            "open": f"{row['n_open']:,}", "lost": f"{row['n_lost']:,}",
            "of first": _share(row["share_of_first"], row["low"], row["high"]),
            "of previous": _share(row["share_of_previous"], row["low_of_previous"], row["high_of_previous"]),
            "median from previous": _time(row["median_seconds_from_previous"]),
            "revenue": None if row["revenue_minor"] is None else f"{row['revenue_minor']:,} minor units",
        }  # fmt: skip
        if answer.funnel.breakdown:
            shown[answer.funnel.breakdown.by] = row["breakdown_value"] or "everyone"
        rows.append(shown)
    filled = [name for name in columns if name != "revenue" or any(row["revenue"] for row in rows)]
    print_table(rows, filled)


def _check_compare(preset: str | None, keep: list[str] | None, *, other: bool) -> None:
    if preset is None:
        if keep:
            raise ConfigError("--keep says what --compare leaves as it is", do="add --compare TOOL")
        return
    if other:
        raise ConfigError(
            "--compare is an answer of its own", allowed="it without --show-sql, --explain, --who and --lost"
        )
    try:
        known(preset)
    except ValueError as error:
        raise ConfigError(f"--compare: {error}") from error


def _print_waterfall(steps: list[Switched], preset: str, format_: Format, name: str) -> None:
    """Rule by rule: every step's count and share of the first, and by how much the rule changed the count."""
    if format_ is Format.json:
        print_json(waterfall.as_json(name, preset, steps))
        return
    rows = list(waterfall.rows(name, preset, steps))
    if format_ is Format.csv:
        _print_csv(rows, waterfall.COLUMNS)
        return
    called = {row["step_number"]: f"{row['step_number']}. {row['step']}" for row in rows}  # as the tool has them
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        was, becomes = row["was"], row["becomes"]
        setting = f"{was} -> {becomes}" if was != becomes else becomes
        line = lines.setdefault(row["rule"], {"rule": row["rule"], "setting": setting, "effect": row["effect"]})
        changed = f" {row['n_difference']:+,}" if row["n_difference"] else ""
        share = "" if row["share_of_first"] is None else f" ({100 * row['share_of_first']:.1f} %)"
        line[called[row["step_number"]]] = f"{row['n']:,}{changed}{share}"
    print_table(list(lines.values()), ["rule", "setting", *called.values(), "effect"])
    print(f"\nNo switch says of {PRESETS[preset].title}:")
    print("\n".join(f"- {each}" for each in PRESETS[preset].lacks))


def _share(share: float | None, low: float | None, high: float | None) -> str:
    if share is None or low is None or high is None:
        return ""
    return f"{100 * share:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _print(rows: list[dict[str, Any]], format_: Format, name: str) -> None:
    columns = ["customer_id", "previous_at", "reached_at"]
    if format_ is Format.json:
        print_json({"funnel": name, "n": len(rows), "customers": rows})
    elif format_ is Format.csv:
        _print_csv(rows, columns)
    else:
        print_table(rows, columns)


def _print_csv(rows: list[dict[str, Any]], columns: Any) -> None:
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
