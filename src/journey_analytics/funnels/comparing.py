"""Two shares beside each other: a period and the one before it, or one group and another, with the difference's bounds.

Periods are of one length and whole weeks apart, so that each holds the same days of the week. Only those are compared
whose window is over: a period ends where the last of its entrants has had as much time as the first.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from typing import Any

from journey_analytics import stats
from journey_analytics.errors import ConfigError
from journey_analytics.facts.funnelparts import Entered
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import planner
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.marks import NONE
from journey_analytics.funnels.summary import EVERYONE, OTHER
from journey_analytics.warehouse import Warehouse

Row = dict[str, Any]

TABLE = "marts.funnel_comparisons"
MEANING = (
    "One row per funnel of the journey map, comparison and step after the first: the four latest weeks whose entrants "
    "have all had their time against the four before, every group against the largest, every segment against everyone "
    "who is not in it. Bounds take the two sides as independent."
)
COLUMNS = {
    "funnel": "The funnel's name",
    "compared": "What is compared: period, breakdown or segment",
    "these": "The period (its first day to its last, UTC), the group or the segment",
    "those": "What it is compared with: the period before, the largest group, or the rest",
    "step_number": "The step's place, from 2",
    "step": "The step's name",
    "n_first": "How many of these made the first step",
    "n": "How many of these made this step",
    "share": "n over n_first; where some are still open, the Kaplan-Meier share at the window (0..1)",
    "low": "Lower 95 % bound of share",
    "high": "Upper 95 % bound of share",
    "those_n_first": "How many of those made the first step",
    "those_n": "How many of those made this step",
    "those_share": "Their share (0..1)",
    "those_low": "Lower 95 % bound of those_share",
    "those_high": "Upper 95 % bound of those_share",
    "difference": "share less those_share, as a share: 0.02 is two percentage points",
    "difference_low": "Lower 95 % bound of difference: Newcombe, from the bounds of both shares",
    "difference_high": "Upper 95 % bound of difference",
    "verdict": "higher or lower where the bounds leave 0 out, else cannot tell",
}
TYPES = dict(
    zip(COLUMNS, "varchar varchar varchar varchar integer varchar bigint bigint double double double bigint bigint "
        "double double double double double double varchar".split(), strict=True)
)  # fmt: skip
DAY = 86_400.0
PERIOD = 28 * DAY
REST = "everyone else"
HIGHER, LOWER, UNSURE = "higher", "lower", "cannot tell"


def periods(funnel: Funnel, length: float) -> tuple[Entered, Entered]:
    """The latest period that can be judged, and the one as many whole weeks before as its length needs.

    It ends at midnight, when the window of whoever entered last is over; where the funnel says when the first step must
    have been made, it ends there.

    Raises
    ------
    ConfigError : there is no window, or nothing is known yet
    """
    if funnel.window is None:
        raise ConfigError(
            "without a window nobody's time is ever over, so that periods cannot be compared",
            allowed="a window, such as 14 days",
        )
    if funnel.as_of is None:
        raise ConfigError("there is no event, so that there is no period to compare")
    judged = funnel.as_of - datetime.timedelta(seconds=funnel.window)
    until = funnel.entered.to or datetime.datetime.combine(judged.date(), datetime.time())
    since = until - datetime.timedelta(seconds=length)
    shift = datetime.timedelta(days=7 * math.ceil(length / (7 * DAY)))
    return Entered(**{"from": since, "to": until}), Entered(**{"from": since - shift, "to": until - shift})


def with_previous(funnel: Funnel, log: Log, warehouse: Warehouse, length: float = PERIOD) -> Iterator[Row]:
    """One row per step after the first: this period against the one before; see `periods`."""
    settled = planner.settled(funnel, log, warehouse).model_copy(update={"breakdown": None})
    answers = []
    for entered in periods(settled, length):
        found = planner.answer(settled.model_copy(update={"entered": entered}), log, warehouse)
        answers.append((_said(entered), found.rows))
    (these, now), (those, before) = answers
    yield from _compared(funnel, ("period", these, those), now, before)


def of_groups(funnel: Funnel, rows: Sequence[Row]) -> Iterator[Row]:
    """One row per group but the largest, and step after the first: the group against the largest.

    Parameters
    ----------
    rows : the answer's rows; those of segments are left out

    Raises
    ------
    ConfigError : the funnel has no breakdown
    """
    if funnel.breakdown is None:
        raise ConfigError("the funnel has no breakdown, so that there are no groups to compare",
                          allowed="breakdown: {by: device, at: first}")  # fmt: skip
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["segment"] == EVERYONE and row["breakdown_value"] is not None:
            groups.setdefault(row["breakdown_value"], []).append(row)
    real = [value for value in groups if value not in (NONE, OTHER)]
    largest = max(real or groups, key=lambda value: groups[value][0]["n"], default=None)
    for value, steps in groups.items():
        if largest is not None and value != largest:
            yield from _compared(funnel, ("breakdown", value, largest), steps, groups[largest])


def of_segments(funnel: Funnel, rows: Sequence[Row]) -> Iterator[Row]:
    """One row per segment and step after the first: the segment against everyone who is not in it.

    Only where customers are counted: elsewhere one customer may be on both sides.
    """
    if funnel.count != "customers":
        return
    whole = [row for row in rows if row["segment"] == EVERYONE and row["breakdown_value"] is None]
    segments: dict[str, list[Row]] = {}
    for row in rows:
        if row["segment"] != EVERYONE and row["breakdown_value"] is None:
            segments.setdefault(row["segment"], []).append(row)
    for segment, steps in segments.items():
        rest = [_rest(every, mine, whole[0], steps[0]) for every, mine in zip(whole, steps, strict=True)]
        plain = [_plain(mine, steps[0]) for mine in steps]
        yield from _compared(funnel, ("segment", segment, REST), plain, rest)


def _rest(every: Row, mine: Row, first: Row, my_first: Row) -> Row:
    return _counted(every["n"] - mine["n"], first["n"] - my_first["n"])


def _plain(mine: Row, my_first: Row) -> Row:
    return {**mine, **_counted(mine["n"], my_first["n"])}


def _counted(n: int, of: int) -> Row:
    low, high = stats.wilson_interval(n, of) if of else ([None], [None])
    return {"n": n, "share_km": n / of if of else None, "km_low": low[0], "km_high": high[0]}


def _said(entered: Entered) -> str:
    assert entered.from_ is not None
    assert entered.to is not None
    last = entered.to - datetime.timedelta(microseconds=1)
    return f"{entered.from_.date()} to {last.date()}"


def _compared(funnel: Funnel, names: tuple[str, str, str], these: Sequence[Row], those: Sequence[Row]) -> Iterator[Row]:
    for mine, theirs in list(zip(these, those, strict=True))[1:]:
        sides = [(row["share_km"], row["km_low"], row["km_high"]) for row in (mine, theirs)]
        difference = low = high = None
        if None not in sides[0] and None not in sides[1]:
            bounds = stats.difference_interval(*sides[0], *sides[1])
            difference, low, high = sides[0][0] - sides[1][0], float(bounds[0][0]), float(bounds[1][0])
        values = (
            funnel.funnel, *names, mine["step_number"], mine["step"], these[0]["n"], mine["n"], *sides[0],
            those[0]["n"], theirs["n"], *sides[1], difference, low, high, _verdict(low, high),
        )  # fmt: skip
        yield dict(zip(COLUMNS, values, strict=True))


def _verdict(low: float | None, high: float | None) -> str:
    if low is None or high is None or low <= 0 <= high:
        return UNSURE
    return HIGHER if low > 0 else LOWER
