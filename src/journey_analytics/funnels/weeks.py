"""How many get through, by the week in which they began: only those whose time is over are judged."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

import numpy as np

from journey_analytics.funnels import evidence
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.compiler import written
from journey_analytics.funnels.kept import Kept, as_of

Row = dict[str, Any]

TABLE = "marts.funnel_weeks"
MEANING = (
    "One row per funnel of the journey map and week in which somebody made its first step (weeks begin on Mondays, "
    "UTC). Of those whose window is over, how many made the last step; a week is mature when that is everyone."
)
COLUMNS = {
    "funnel": "The funnel's name",
    "week_on": "The Monday of the week in which the first step of the counted attempt was made",
    "n_entered": "How many began in this week: customers, sessions, journeys or attempts, as the funnel counts",
    "n_matured": "Of these, those whose window was over at as_of; without a window it never is",
    "n_converted": "Of n_matured, those who made the last required step",
    "share_of_matured": "n_converted over n_matured (0..1)",
    "low": "Lower 95 % bound of share_of_matured: Wilson; clustered by customer where a customer counts more than once",
    "high": "Upper 95 % bound of share_of_matured",
    "is_mature": "Whether the window of everyone who may begin in this week was over at as_of",
}
TYPES = dict(zip(COLUMNS, "varchar date bigint bigint bigint double double double boolean".split(), strict=True))
WEEK = datetime.timedelta(days=7)


def rows(kept: Kept) -> Iterator[Row]:
    """One row per week in which somebody began, the earliest first."""
    funnel = kept.question.funnel
    if funnel.as_of is None:
        return
    window = None if funnel.window is None else datetime.timedelta(seconds=funnel.window)
    over = (
        "false" if funnel.window is None else f"at_1 + {written(sql.duration(funnel.window))} < {as_of(kept.question)}"
    )
    last = f"at_{funnel.required[-1] + 1}"
    found = kept.arrays(
        week="date_diff('day', date '1970-01-01', date_trunc('week', at_1))",
        is_over=over,
        converted=f"{last} is not null",
    )
    for week in np.unique(found["week"]):
        mine = found["week"] == week
        judged = mine & found["is_over"]
        whose = None if found["whose"] is None else found["whose"][judged]
        share = evidence.share(found["converted"][judged], whose)
        begins = datetime.date(1970, 1, 1) + datetime.timedelta(days=int(week))
        ends = datetime.datetime.combine(begins, datetime.time()) + WEEK
        is_mature = window is not None and ends + window <= funnel.as_of
        values = (
            funnel.funnel, begins, int(mine.sum()), share.n, share.good, share.share, share.low, share.high, is_mature,
        )  # fmt: skip
        yield dict(zip(COLUMNS, values, strict=True))
