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


@dataclass(frozen=True)
class Share:
    """One estimated share (0..1, nan where nobody was watched for long enough), and the size of its evidence."""

    share: float
    size: float


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


def share_by(watched: ArrayLike, arrived: ArrayLike, at: float, *, clusters: ArrayLike | None = None) -> Share:
    """The share that arrives by one time, and how many independent trials would be as sure of it.

    A Wilson interval at that size bounds the share; where nobody was lost sight of, it is the Wilson interval of the
    plain share, and with clusters `stats.clustered_share_interval`.

    Parameters
    ----------
    watched, arrived : as in `share_arrived`
    at : the time by which, in the same unit
    clusters : (n,) whose each is, as numbers from 0; None where each is on its own

    Source
    ------
    Kaplan & Meier (1958), Greenwood's variance, and for clusters the infinitesimal jackknife summed over each; the
    effective size as in Dorey & Korn (1987). Where all agree there is no variance: the size is then how many were
    watched through to the time, or how many arrived.
    """
    time, event = np.asarray(watched, dtype=np.float64), np.asarray(arrived, dtype=bool)
    if clusters is not None:  # sums of fractions are the same in whatever order the rows stand
        order = np.lexsort((event, time, np.asarray(clusters)))
        time, event, clusters = time[order], event[order], np.asarray(clusters)[order]
    arrives = event & (time <= at)
    through = np.where(event, time > at, time >= at)
    moments, arrivals = np.unique(time[arrives], return_counts=True)
    gone = np.sort(time[~arrives & ~through])
    at_risk = len(time) - (np.cumsum(arrivals) - arrivals) - np.searchsorted(gone, moments, side="left")
    stays = float(np.prod(1 - arrivals / at_risk))
    if stays > 0 and not through.any():
        return Share(float("nan"), 0.0)
    whose = np.arange(len(time)) if clusters is None else np.asarray(clusters, dtype=np.int64)
    if stays in (0.0, 1.0):
        return Share(1 - stays, float(len(np.unique(whose[arrives if stays == 0 else through]))))
    steps = arrivals / (at_risk * (at_risk - arrivals))
    alone = variance = float(steps.sum())
    if clusters is not None:
        place = np.searchsorted(moments, np.minimum(time, at), side="right")
        pull = np.concatenate(([0.0], np.cumsum(steps)))[place]
        pull[arrives] -= (1 / (at_risk - arrivals))[place[arrives] - 1]
        variance = _of_clusters(pull, whose)
    agrees = variance < 1e-9 * alone  # every cluster has the same share: each is one piece of evidence
    size = float(len(np.unique(whose))) if agrees else (1 - stays) / (stays * variance)
    return Share(1 - stays, min(max(size, 1.0), float(len(time))))


def _of_clusters(pull: NDArray[np.float64], whose: NDArray[np.int64]) -> float:
    """The variance of a sum from what each one adds to it, when those of one cluster are alike."""
    n_clusters = len(np.unique(whose))
    return float((np.bincount(whose, weights=pull) ** 2).sum()) * n_clusters / max(n_clusters - 1, 1)


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
