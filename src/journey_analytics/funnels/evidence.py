"""One share with its bounds from who was counted: independent, or alike within a customer.

Pure: arrays in, numbers out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey_analytics import stats


@dataclass(frozen=True)
class Evidence:
    """`good` of `n`, as a share (0..1) with its 95 % bounds; None where nothing was counted."""

    n: int
    good: int
    share: float | None
    low: float | None
    high: float | None


def share(is_good: NDArray[np.bool_], whose: NDArray[np.int64] | None = None) -> Evidence:
    """The share of those counted that are good.

    Parameters
    ----------
    is_good : (n,)
    whose : (n,) whose each is, as numbers from 0, where one customer may be counted more than once; else None
    """
    n, good = len(is_good), int(is_good.sum())
    if not n:
        return Evidence(0, 0, None, None, None)
    if whose is None:
        low, high = stats.wilson_interval(good, n)
    else:
        _, place = np.unique(whose, return_inverse=True)
        of_one, good_of_one = np.bincount(place), np.bincount(place, weights=is_good)
        low, high = stats.clustered_share_interval(
            good, n, len(of_one), successes_squared=float((good_of_one**2).sum()),
            products=float((good_of_one * of_one).sum()), trials_squared=float((of_one**2).sum()),
        )  # fmt: skip
    return Evidence(n, good, good / n, float(low[0]), float(high[0]))


def bounded(share_: float | None, size: float) -> tuple[float | None, float | None]:
    """The Wilson bounds of a share that is as sure as so many independent trials."""
    if share_ is None:
        return None, None
    low, high = stats.wilson_interval(share_ * size, size)
    return float(low[0]), float(high[0])


def number(value: Any) -> float | None:
    """A plain number; None where it is none."""
    return None if value is None or np.isnan(value) else float(value)
