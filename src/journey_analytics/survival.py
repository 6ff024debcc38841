"""How many get there in the end, when some are still on their way: Kaplan-Meier estimates with their bounds.

Pure and vectorised, like `stats`: times in, shares out. Whoever has been watched for a while without getting there
counts as being at risk for exactly that long, and neither as lost nor as left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Arrivals:
    """The estimate at each wanted time; all arrays are (n_wanted,).

    n_at_risk : how many were still being watched and not there yet, just before the time
    n_arrived : how many had arrived by the time, it included
    share : the estimated share that arrives by the time, 0..1; nan where nobody is watched for that long
    low, high : bounds of the share
    """

    n_at_risk: NDArray[np.int64]
    n_arrived: NDArray[np.int64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def share_arrived(watched: ArrayLike, arrived: ArrayLike, wanted: ArrayLike, *, confidence: float = 0.95) -> Arrivals:
    """The share that arrives by each wanted time, whoever is still on the way included.

    Parameters
    ----------
    watched : (n,) how long each was watched: until arrival, or until now; not negative, in any unit
    arrived : (n,) whether the watching ended in an arrival. At equal times arrivals come before those no longer watched
    wanted : (n_wanted,) times in the same unit
    confidence : two-sided coverage as a share in (0, 1)

    Raises
    ------
    ValueError : lengths differ, or a time is negative or not a number

    Source
    ------
    Kaplan & Meier (1958); Greenwood's variance on the log(-log) scale, as in Kalbfleisch & Prentice (1980), so that
    bounds stay inside 0..1.
    """
    time, event = np.asarray(watched, dtype=np.float64), np.asarray(arrived, dtype=bool)
    at = np.asarray(wanted, dtype=np.float64)
    if time.shape != event.shape or not (time >= 0).all():
        raise ValueError("watched and arrived must be of one length, and no time negative")
    order = np.argsort(time, kind="stable")
    time, event = time[order], event[order]
    moments, first = np.unique(time, return_index=True)
    arrivals = np.add.reduceat(event.astype(np.int64), first) if len(moments) else np.zeros(0, dtype=np.int64)
    at_risk = len(time) - first
    with np.errstate(divide="ignore", invalid="ignore"):
        staying = np.cumprod(1 - arrivals / at_risk) if len(moments) else np.zeros(0)
        terms = np.where(arrivals > 0, arrivals / (at_risk * np.maximum(at_risk - arrivals, 0)), 0.0)
    spread = np.cumsum(terms)
    place = np.searchsorted(moments, at, side="right") - 1
    seen = place >= 0
    chosen = np.maximum(place, 0)
    stays = np.where(seen, staying[chosen], 1.0) if len(moments) else np.ones(len(at))
    variance = np.where(seen, spread[chosen], 0.0) if len(moments) else np.zeros(len(at))
    low, high = _bounds(stays, variance, NormalDist().inv_cdf((1 + confidence) / 2))
    beyond = at > (moments[-1] if len(moments) else -1.0)
    is_over = beyond & (stays > 0)  # nobody was watched for that long, and not all had arrived
    return Arrivals(
        len(time) - np.searchsorted(time, at, side="left"),
        np.searchsorted(time[event], at, side="right"),
        np.where(is_over, np.nan, 1 - stays), np.where(is_over, np.nan, low), np.where(is_over, np.nan, high),
    )  # fmt: skip


def _bounds(
    stays: NDArray[np.float64], variance: NDArray[np.float64], z: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds of 1 - stays. Where nobody has arrived there is no variance: the share is 0, and so is its lower bound."""
    inside = (stays > 0) & (stays < 1)
    safe = np.where(inside, stays, 0.5)
    width = z * np.sqrt(np.where(inside, variance, 0.0)) / np.abs(np.log(safe))
    low = np.where(inside, 1 - safe ** np.exp(-width), 1 - stays)
    high = np.where(inside, 1 - safe ** np.exp(width), 1 - stays)
    return low, high
