"""The funnels that the journey map declares: their steps, their groups, and the rules they are counted by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from journey_analytics.report.queries import Tables, ask, pick

Row = dict[str, Any]

STEP = (
    "step_number", "step", "n", "n_open", "n_lost", "share_of_first", "low", "high", "share_km", "km_low", "km_high",
    "share_of_previous",
    "low_of_previous", "high_of_previous", "median_seconds_from_previous", "p90_seconds_from_previous",
)  # fmt: skip
PERIOD = (
    "these", "those", "step", "n_first", "n", "share", "low", "high", "those_n_first", "those_n", "those_share",
    "those_low", "those_high", "difference", "difference_low", "difference_high", "verdict",
)  # fmt: skip
EVERYONE = "all"
MOST_INSTEAD = 3


def funnels(tables: Tables, min_cell: int) -> list[Row]:
    """Every declared funnel: everyone's steps, and how far each group and segment gets; small ones are left out."""
    rows, compared = ask(tables, "funnel_steps"), ask(tables, "funnel_comparisons")
    next_touches = ask(tables, "funnel_instead")
    found = []
    for said in ask(tables, "funnels"):
        mine = [row for row in rows if row["funnel"] == said["funnel"]]
        whole = [row for row in mine if row["segment"] == EVERYONE and row["breakdown_value"] is None]
        groups, n_hidden = _groups(mine, whole, min_cell)
        found.append(
            pick(said, ("funnel", "counted", "rules"))
            | {"steps": [pick(row, STEP) for row in whole], "groups": groups, "n_groups_suppressed": n_hidden}
            | {"period": _period([row for row in compared if row["funnel"] == said["funnel"]], min_cell)}
            | {"instead": list(_instead([row for row in next_touches if row["funnel"] == said["funnel"]], min_cell))}
        )
    return found


def _period(rows: Sequence[Row], min_cell: int) -> Row | None:
    """How many finished lately, against the period before; None where either is too small to show."""
    last = [row for row in rows if row["compared"] == "period"][-1:]
    return next((pick(row, PERIOD) for row in last if min(row["n_first"], row["those_n_first"]) >= min_cell), None)


def _instead(rows: Sequence[Row], min_cell: int) -> Iterator[Row]:
    """For each step what most of those lost before it did next, and how many did nothing; small ones are left out."""
    for step in sorted({row["step_number"] for row in rows}):
        mine = [row for row in rows if row["step_number"] == step]
        if mine[0]["n_lost"] < min_cell:
            continue
        touches = [row for row in mine if row["kind"] in ("touchpoint", "event") and row["n"] >= min_cell]
        nothing = next((row for row in mine if row["kind"] == "nothing" and row["n"] >= min_cell), None)
        kept = [pick(row, ("kind", "touch", "n", "share", "low", "high")) for row in touches[:MOST_INSTEAD]]
        yield pick(mine[0], ("step_number", "step", "n_lost", "within_seconds")) | {
            "touches": kept, "nothing": nothing and pick(nothing, ("n", "share", "low", "high"))
        }  # fmt: skip


def _groups(rows: Sequence[Row], whole: Sequence[Row], min_cell: int) -> tuple[list[Row], int]:
    """The first and the last step of every group, and how many groups are too small to show."""
    by_group: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        if (row["segment"] == EVERYONE) != (row["breakdown_value"] is None):
            by_group.setdefault((row["segment"], row["breakdown_value"]), []).append(row)
    everyone = int(whole[0]["n"]) if whole else 0
    shown, n_hidden = [], 0
    for (segment, value), steps in by_group.items():
        first, last = steps[0], steps[-1]
        if first["n"] < min_cell or 0 < everyone - first["n"] < min_cell:
            n_hidden += 1
            continue
        told = {"segment": segment if value is None else None, "breakdown_value": value, "n_first": first["n"]}
        shown.append(told | pick(last, ("n", "share_of_first", "low", "high")))
    return shown, n_hidden
