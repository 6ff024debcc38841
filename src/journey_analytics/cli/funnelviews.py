"""How the answers of `journey funnel` are printed: tables for people, JSON and CSV for machines."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from journey_analytics.cli.shared import print_json, print_table
from journey_analytics.facts.funnelparts import in_words
from journey_analytics.facts.funnels import Funnel
from journey_analytics.facts.presets import PRESETS
from journey_analytics.funnels import comparing, instead, shares, times, waterfall, weeks, words
from journey_analytics.funnels.planner import Answer
from journey_analytics.funnels.waterfall import Switched
from journey_analytics.report.exports import raw

Row = dict[str, Any]

CUSTOMERS = ("customers", ("customer_id", "previous_at", "reached_at"))
LISTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "--times": ("times", tuple(times.COLUMNS)),
    "--weeks": ("weeks", tuple(weeks.COLUMNS)),
    "--instead": ("instead", tuple(instead.COLUMNS)),
    "--compare-previous": ("comparisons", tuple(comparing.COLUMNS)),
    "--compare-groups": ("comparisons", tuple(comparing.COLUMNS)),
    "--who": CUSTOMERS,
    "--lost": CUSTOMERS,
}
"""What each option lists, and the columns of its rows."""


class Format(StrEnum):
    """How an answer is printed."""

    table = "table"
    json = "json"
    csv = "csv"


def show_answer(answer: Answer, format_: Format, explain: bool) -> None:
    """Print an answer: its warnings, its steps, and on wish every rule in words."""
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
    columns = [
        "step_number",
        "step",
        "n",
        "open",
        "lost",
        "of first",
        "in the end",
        "of previous",
        "median from previous",
        "revenue",
    ]
    if answer.funnel.breakdown:
        columns.insert(0, answer.funnel.breakdown.by)
    rows = []
    for row in answer.rows:
        shown: Row = {
            "step_number": row["step_number"], "step": row["step"], "n": f"{row['n']:,}",
            "open": f"{row['n_open']:,}", "lost": f"{row['n_lost']:,}",
            "of first": _share(row["share_of_first"], row["low"], row["high"]),
            "in the end": _share(row["share_km"], row["km_low"], row["km_high"]),
            "of previous": _share(row["share_of_previous"], row["low_of_previous"], row["high_of_previous"]),
            "median from previous": _time(row["median_seconds_from_previous"]),
            "revenue": None if row["revenue_minor"] is None else f"{row['revenue_minor']:,} minor units",
        }  # fmt: skip
        if answer.funnel.breakdown:
            shown[answer.funnel.breakdown.by] = row["breakdown_value"] or "everyone"
        rows.append(shown)
    are_open = any(row["n_open"] for row in answer.rows)
    unasked = {*(() if are_open else ("in the end",)), *(() if any(row["revenue"] for row in rows) else ("revenue",))}
    filled = [name for name in columns if name not in unasked]
    print_table(rows, filled)


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


def show_waterfall(steps: list[Switched], preset: str, format_: Format, name: str) -> None:
    """Rule by rule: every step's count and share of the first, and by how much the rule changed the count."""
    if format_ is Format.json:
        print_json(waterfall.as_json(name, preset, steps))
        return
    rows = list(waterfall.rows(name, preset, steps))
    if format_ is Format.csv:
        _print_csv(rows, waterfall.COLUMNS)
        return
    called = {row["step_number"]: f"{row['step_number']}. {row['step']}" for row in rows}  # as the tool has them
    lines: dict[str, Row] = {}
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


def show(option: str, funnel: Funnel, rows: list[Row], format_: Format) -> None:
    """Print what one of the options asked for."""
    name, columns = LISTS[option]
    if format_ is Format.json:
        n = {"n": len(rows)} if name == "customers" else {"rules": funnel.rules()}
        print_json({"funnel": funnel.funnel, **n, name: rows})
    elif format_ is Format.csv:
        _print_csv([{column: row[column] for column in columns} for row in rows], columns)
    elif name == "customers":
        print_table(rows, columns)
    else:
        shown = {"times": _times, "weeks": _weeks, "instead": _instead, "comparisons": _comparisons}[name]
        print_table([shown(row) for row in rows], list(shown(rows[0])) if rows else columns)


def _times(row: Row) -> Row:
    is_first = row["bucket_number"] == 1
    quantiles = {f"{name[1:3]} %": _time(row[name]) if is_first else "" for name in row if name.startswith("p")}
    share = _share(row["share"], row["low"], row["high"])
    return {"step": row["step"] if is_first else "", "time from the step before": row["bucket"], "n": f"{row['n']:,}",
            "share": share, **quantiles}  # fmt: skip


def _weeks(row: Row) -> Row:
    return {
        "week of": row["week_on"], "began": f"{row['n_entered']:,}", "time over": f"{row['n_matured']:,}",
        "finished": f"{row['n_converted']:,}",
        "of those": _share(row["share_of_matured"], row["low"], row["high"]),
        "": "" if row["is_mature"] else "not everyone's time is over",
    }  # fmt: skip


def _instead(row: Row) -> Row:
    share = _share(row["share"], row["low"], row["high"])
    return {f"within {in_words(row['within_seconds'])}": row["touch"], "kind": row["kind"], "n": f"{row['n']:,}",
            f"of {row['n_lost']:,} lost before '{row['step']}'": share}  # fmt: skip


def _comparisons(row: Row) -> Row:
    def side(prefix: str) -> str:
        n, first, share = row[f"{prefix}n"], row[f"{prefix}n_first"], row[f"{prefix}share"]
        said = _share(share, row[f"{prefix}low"], row[f"{prefix}high"])
        open_too = "with the open " if share is not None and abs(share * first - n) > 1e-6 else ""
        return f"{n:,} of {first:,}" + (f", {open_too}{said}" if said else "")

    points = [row["difference"], row["difference_low"], row["difference_high"]]
    told = "" if None in points else "{:+.1f} points ({:+.1f} to {:+.1f})".format(*(100 * each for each in points))
    return {"step": row["step"], "these": row["these"], "made it": side(""), "those": row["those"],
            "of those": side("those_"), "difference": told, "verdict": row["verdict"]}  # fmt: skip


def _print_csv(rows: list[Row], columns: Iterable[str]) -> None:
    """Cells that a spreadsheet would run as a formula are guarded by an apostrophe."""
    writer = csv.DictWriter(sys.stdout, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: raw(row[name]) for name in columns} for row in rows)
