"""The funnels that the journey map declares: their steps, their groups, and the rules they are counted by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from journey_analytics.report.queries import Tables, ask, pick

Row = dict[str, Any]

STEP = (
    "step_number", "step", "n", "n_open", "n_lost", "share_of_first", "low", "high", "share_of_previous",
    "low_of_previous", "high_of_previous", "median_seconds_from_previous", "p90_seconds_from_previous",
)  # fmt: skip
EVERYONE = "all"


def funnels(tables: Tables, min_cell: int) -> list[Row]:
    """Every declared funnel: everyone's steps, and how far each group and segment gets; small ones are left out."""
    rows = ask(tables, "funnel_steps")
    found = []
    for said in ask(tables, "funnels"):
        mine = [row for row in rows if row["funnel"] == said["funnel"]]
        whole = [row for row in mine if row["segment"] == EVERYONE and row["breakdown_value"] is None]
        groups, n_hidden = _groups(mine, whole, min_cell)
        found.append(
            pick(said, ("funnel", "counted", "rules"))
            | {"steps": [pick(row, STEP) for row in whole], "groups": groups, "n_groups_suppressed": n_hidden}
        )
    return found


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
