"""How many will have made each step when their time is over: Kaplan-Meier shares, the open ones watched so far.

Whoever is open counts as watched since the first step of the latest attempt that may still go on. Whoever is lost was
watched for the whole window. Pure: arrays in, shares out; every engine asks here, so that all give the same numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from journey_analytics import survival
from journey_analytics.facts.funnels import Funnel

MICROSECOND = 1_000_000
KM = ("share_km", "size_km")
"""What an engine's rows say: the share, and the size of its evidence; the size is None where nobody is open for the
step, whose share is then the plain one, with its bounds."""


@dataclass(frozen=True)
class Watched:
    """The attempts of one group; times in microseconds, whatever they say where they mean nothing.

    furthest, is_open : (n,)
    open_for : (n,) how long the attempt that may still go on has been watched; read where is_open
    since_first : for each step (n,) how long after the first step it was made, at least 0; negative where it was not
    whose : (n,) the customer of each, as numbers from 0; None where nobody is counted twice
    """

    furthest: NDArray[np.integer]
    is_open: NDArray[np.bool_]
    open_for: NDArray[np.int64]
    since_first: tuple[NDArray[np.int64], ...]
    whose: NDArray[np.int64] | None = None


def shares(funnel: Funnel, watched: Watched) -> Iterator[dict[str, float | None]]:
    """One row of `KM` for each step."""
    n = len(watched.furthest)
    for place, times in enumerate(watched.since_first):
        made = times >= 0
        needed = next((other for other in funnel.required if other >= place), None)
        undecided = (
            watched.is_open & ~made & (watched.furthest < needed + 1) if needed is not None else np.zeros(n, bool)
        )
        if not undecided.any():
            yield dict(zip(KM, (int(made.sum()) / n if n else None, None), strict=True))
        elif funnel.window is None:
            yield dict(zip(KM, (None, 0.0), strict=True))
        else:
            window = round(funnel.window * MICROSECOND)
            seen = np.where(made, times, np.where(undecided, np.minimum(watched.open_for, window), window))
            found = survival.share_by(seen, made, window, clusters=watched.whose)
            yield dict(zip(KM, (None if np.isnan(found.share) else found.share, found.size), strict=True))
