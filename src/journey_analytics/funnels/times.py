"""How long it takes from step to step: quantiles, and how many took how long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import evidence
from journey_analytics.funnels.kept import Kept

Row = dict[str, Any]

TABLE = "marts.funnel_times"
MEANING = (
    "One row per funnel of the journey map, step after the first, and how long it took from the required step before: "
    "a bucket of time with how many fall in it. Counts everyone; the quantiles stand on every row of their step."
)
COLUMNS = {
    "funnel": "The funnel's name",
    "step_number": "The step's place, from 1",
    "step": "The step's name",
    "bucket_number": "The bucket's place, from 1",
    "bucket": "The bucket in words, such as 1 to 6 hours; its beginning is inside, its end is not",
    "from_seconds": "Where the bucket begins",
    "until_seconds": "Where it ends; empty for the last",
    "n": "How many made the step after such a time: customers, sessions, journeys or attempts, as the funnel counts",
    "n_made": "How many made the step",
    "share": "n over n_made (0..1); the buckets of a step sum to 1",
    "low": "Lower 95 % bound of share: Wilson; clustered by customer where a customer counts more than once",
    "high": "Upper 95 % bound of share",
    "p10_seconds": "One in ten of those who made the step took at most this long",
    "p25_seconds": "A quarter took at most this long",
    "p50_seconds": "Half took at most this long",
    "p75_seconds": "Three quarters took at most this long",
    "p90_seconds": "Nine in ten took at most this long",
}
TYPES = dict(
    zip(COLUMNS, "varchar integer varchar integer varchar double double bigint bigint".split() + ["double"] * 8,
        strict=True)
)  # fmt: skip
MICROSECOND = 1_000_000
MINUTE, HOUR, DAY = 60, 3_600, 86_400
EDGES = (0, 10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY)
NAMES = (
    "under 10 seconds", "10 to 60 seconds", "1 to 10 minutes", "10 to 60 minutes", "1 to 6 hours", "6 to 24 hours",
    "1 to 3 days", "3 to 7 days", "7 to 14 days", "14 to 30 days", "30 to 90 days", "90 days or more",
)  # fmt: skip
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


def rows(kept: Kept) -> Iterator[Row]:
    """One row per step after the first and bucket that the window lets happen; none where nobody made the step."""
    funnel = kept.question.funnel
    for place in range(1, len(funnel.steps)):
        previous = funnel.previous(place) or 0
        here, before = f"at_{place + 1}", f"at_{previous + 1}"
        found = kept.arrays(f"{here} is not null", micros=f"epoch_us({here}) - epoch_us({before})")
        if len(found["micros"]):
            yield from _step(funnel, place, found["micros"] / MICROSECOND, found["whose"])


def _step(funnel: Funnel, place: int, seconds: NDArray[np.float64], whose: NDArray[np.int64] | None) -> Iterator[Row]:
    quantiles = [float(each) for each in np.quantile(seconds, QUANTILES)]
    limit = funnel.window if funnel.window is not None else float(seconds.max())
    edges = [edge for edge in EDGES if edge <= limit]
    bucket = np.searchsorted(edges, np.maximum(seconds, 0), side="right") - 1
    for number, edge in enumerate(edges):
        found = evidence.share(bucket == number, whose)
        until = EDGES[number + 1] if number + 1 < len(EDGES) else None
        values = (
            funnel.funnel, place + 1, funnel.labels[place], number + 1, NAMES[number], float(edge), until,
            found.good, found.n, found.share, found.low, found.high, *quantiles,
        )  # fmt: skip
        yield dict(zip(COLUMNS, values, strict=True))
