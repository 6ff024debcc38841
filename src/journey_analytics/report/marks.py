"""Where the page's small drawings stand: intervals, bars, sparklines, the emotion curve and the heat of a cell.

Positions are percentages of the room there is, or pixels of a drawing of fixed size. Words for verdicts live here too,
since shape, word and colour always go together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from journey_analytics import formats
from journey_analytics.report import verdict

Row = Mapping[str, Any]

SMALLEST_SHOWN = 10
STATUS_WORDS = {
    "open": "Underperforming",
    "ok": "No shortfall found",
    "too_small": "Too small to judge",
    "no_target": "No target set",
    "withheld": "Withheld",
    "frozen": "Frozen",
}
KINDS = {
    "underperforming": ("▼", "Underperforming"),
    "satisfaction": ("▼", "Low satisfaction"),
    "missing": ("◌", "Missing"),
    "overwhelming": ("▼", "Overwhelming"),
    "out_of_order": ("▼", "Out of order"),
    "promise_broken": ("▼", "Promise broken"),
    "data": ("!", "Data"),
}
SCORES = (
    ("csat", "CSAT", "csat_share", "n_csat", "n_satisfied", "target_csat"),
    ("thumb", "Rated good", "thumb_share", "n_thumb", "n_thumb_good", "target_thumb"),
    ("stars", "4 or 5 stars", "stars_share", "n_stars", "n_stars_good", "target_stars"),
    ("nps", "NPS", "nps", "n_nps", "n_promoters", "target_nps"),
)
EMOTION_WORDS = {"csat_5": "CSAT", "nps_10": "NPS", "stars_5": "stars", "ces_7": "CES", "thumb": "ratings"}
MIDDLE, PIXELS_PER_STEP = 75.0, 28.0


def axis_end(finding: Row) -> float:
    """Where a finding's axis of shares ends: a share of a few percent would be a dot in the corner of a whole one."""
    most = max(finding[key] or 0 for key in ("estimate", "high", "reference"))
    return next((end for end in (0.1, 0.25, 0.5) if most <= end * 0.9), 1.0)


def axis_labels(finding: Row, most: float) -> list[dict[str, str]]:
    """What stands at both ends of a finding's axis, where the estimate's own label does not stand."""
    is_points = verdict.measure(finding["metric"]).is_points
    ends = ("−100", "+100") if is_points else (formats.share(0), formats.share(most))
    at = float(place(finding["estimate"], is_points, most))
    labels = [{"x": "0", "side": "start", "text": ends[0]}, {"x": "100", "side": "end", "text": ends[1]}]
    target = float(place(finding["reference"], is_points, most)) if finding["reference"] is not None else at
    return [label for label in labels if min(abs(float(label["x"]) - at), abs(float(label["x"]) - target)) > 14]


def place(value: float | None, is_points: bool = False, most: float = 1.0) -> str:
    """Where a share (or a score of −100..100) stands on its axis, in percent of the width."""
    at = ((value or 0) + 100) / 2 if is_points else (value or 0) / most * 100
    return f"{min(100.0, max(0.0, at)):.2f}".rstrip("0").rstrip(".")


def side(value: float, is_points: bool = False, most: float = 1.0) -> str:
    """To which side a label hangs so that it stays inside: start near the left edge, end near the right one."""
    at = float(place(value, is_points, most))
    return "start" if at < 16 else "end" if at > 84 else "middle"


def part(n: float, most: float) -> str:
    """A count as a percentage of the largest one."""
    return f"{100 * n / most:.2f}" if most else "0"


def span(row: Row, prefix: str = "", is_points: bool = False) -> str:
    """The interval of a row in words; its bounds are `<prefix>_low` and `<prefix>_high`, or low and high."""
    low, high = (row.get(f"{prefix}_{bound}" if prefix else bound) for bound in ("low", "high"))
    return formats.between(low, high, is_points=is_points)


def is_short(row: Row, measure: str) -> bool:
    """Does the whole interval lie below the target? A picture of the numbers; the verdict itself is the finding's."""
    high, target = row.get(f"{measure}_high"), row.get(f"target_{measure}")
    n = row.get({"progressed": "n_matured"}.get(measure, f"n_{measure}")) or 0
    return high is not None and target is not None and n >= 30 and bool(high < target)


def scores(row: Row) -> list[Row]:
    """The satisfaction of a touchpoint, one entry for each kind of score that was answered there."""
    found: list[Row] = []
    for key, label, share, count, good, target in SCORES:
        n = row.get(count) or 0
        if n and row.get(share) is not None:
            write = formats.points if key == "nps" else formats.share
            found.append(
                {
                    "label": label,
                    "n": n,
                    "good": row.get(good) or 0,
                    "text": write(row[share]),
                    "span": span(row, key, key == "nps"),
                    "is_short": is_short(row, key),
                    "target": row.get(target),
                    "target_text": write(row.get(target)),
                }
            )
    return found


def worst_first(rows: Sequence[Row]) -> list[Row]:
    """Touchpoints of a stage: what underperforms first, then in the order of the map."""
    return sorted(rows, key=lambda row: row["status"] != "open")


def polyline(values: Sequence[float], width: float, height: float, target: float | None = None) -> str:
    """Points of a small line through values, from the lowest to the highest of them and the target."""
    step = width / max(1, len(values) - 1)
    return " ".join(
        f"{number * step:.1f},{level(values, value, height, target)}" for number, value in enumerate(values)
    )


def level(values: Sequence[float], value: float, height: float, target: float | None = None) -> str:
    """How far down a value stands in a small drawing of the values and their target."""
    shown = [*values, target] if target is not None else list(values)
    low, high = min(shown), max(shown)
    return f"{height - 3 - (value - low) / ((high - low) or 1.0) * (height - 6):.1f}"


def emotions(lanes: Sequence[Row]) -> list[dict[str, Any]]:
    """The emotion curve, stage by stage: the dot, its whisker, and the line to its neighbours on both sides."""
    cells = [_emotion(lane["emotion"]) for lane in lanes]
    for number, cell in enumerate(cells):
        for key, other in (("before", number - 1), ("after", number + 1)):
            neighbour = cells[other] if 0 <= other < len(cells) else None
            joined = neighbour is not None and cell["y"] is not None and neighbour["y"] is not None
            cell[key] = round((cell["y"] + neighbour["y"]) / 2, 1) if joined and neighbour is not None else None
            cell[f"{key}_differs"] = neighbour is not None and neighbour["metric"] != cell["metric"]
    return cells


def _emotion(at: Row | None) -> dict[str, Any]:
    nothing = {"y": None, "metric": None, "said": "", "small": "", "before": None, "after": None}
    if at is None:
        return dict(nothing)
    kind = EMOTION_WORDS.get(at["metric"], formats.words(at["metric"]))
    if not at["is_drawn"]:
        small = f"{at['n_good'] or 0} of {at['n']} good"
        return dict(nothing) | {"small": small, "said": f"{small}, {kind}: too few to draw"}
    value, low, high = at["value"], at["low"], at["high"]
    y, y_low, y_high = (MIDDLE - PIXELS_PER_STEP * number for number in (value, low, high))
    spread = f"between {formats.number(low)} and {formats.number(high)}"
    text = f"+{formats.number(value)}" if value > 0.05 else formats.number(value)
    above = y_high >= 28 if value >= 0 else y_low > 118
    return {
        "metric": at["metric"],
        "y": round(y, 1),
        "y_low": round(y_low, 1),
        "y_high": round(y_high, 1),
        "text": text,
        "label_y": round(y_high - 12 if above else y_low + 20, 1),
        "small": f"{kind}, n{formats.NBSP}{formats.count(at['n'])}",
        "tone": " x" if high < 0 else " b" if low > 1 else "",
        "said": f"{text}, {spread}, from {formats.count(at['n'])} answers ({kind})",
    }


def heat(rows: Sequence[Row], stages: Sequence[str]) -> dict[str, Any]:
    """The coverage matrix: a row a stage, a cell a channel, each with its step of five on one scale."""
    channels = sorted({str(row["channel"]) for row in rows})
    most = max((row["n_touches"] or 0 for row in rows), default=0)
    cells = {(row["stage"], str(row["channel"])): dict(row) for row in rows}
    for cell in cells.values():
        n = cell["n_touches"] or 0
        cell["step"] = 0 if not n else min(5, 1 + int(5 * (n / most) ** 0.5 * 0.999))
    matrix = [{"stage": stage, "cells": [cells.get((stage, channel)) for channel in channels]} for stage in stages]
    return {"channels": channels, "rows": matrix}


def sources(queries: Sequence[str]) -> list[str]:
    """The tables that queries read, in order."""
    found = re.findall(r"\b(?:from|join)\s+((?:marts|journeys|ops|rules)\.\w+)", "\n".join(queries))
    return list(dict.fromkeys(found))
