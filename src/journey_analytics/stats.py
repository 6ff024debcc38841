"""How sure we are: intervals for shares, net promoter scores, means and differences.

Everything here is pure and vectorised: counts in, bounds out. No database, no clock, no randomness.
Shares are 0..1; a net promoter score is in points, -100..100. The methods and their measured coverage are in the
report's method section; in short: Wilson for shares, adjusted Wald for NPS, Student's t for means, Newcombe for
differences of shares.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def wilson_interval(successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Bound a share so that the bounds stay inside 0..1, even for small counts.

    Parameters
    ----------
    successes : (n,) counts, each 0 <= successes <= trials
    trials : (n,) counts; where 0, both bounds are nan, since nothing was observed
    confidence : two-sided coverage as a share in (0, 1), so 0.95 and not 95

    Returns
    -------
    (low, high) : two (n,) arrays of shares, low <= successes / trials <= high

    Raises
    ------
    ValueError : "successes must lie in 0..trials, but row 1 has 5 of 4"; rows count from 0

    Source
    ------
    Wilson (1927), without continuity correction.
    """
    good, n = _counts(successes, trials, names=("successes", "trials"))
    _refuse(good > n, "successes must lie in 0..trials, but row {row} has {0} of {1}", good, n)
    z = _two_sided_z(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = good / n
        centre = (good + z**2 / 2) / (n + z**2)
        half_width = z / (n + z**2) * np.sqrt(n * share * (1 - share) + z**2 / 4)
    # At the ends the exact bound is 0 or 1 (and the estimate itself elsewhere): rounding must not push it across.
    low = np.where(good == 0, 0.0, np.minimum(centre - half_width, share))
    high = np.where(good == n, 1.0, np.maximum(centre + half_width, share))
    nothing = n == 0
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def clustered_share_interval(
    successes: ArrayLike, trials: ArrayLike, clusters: ArrayLike, *,
    successes_squared: ArrayLike, products: ArrayLike, trials_squared: ArrayLike, confidence: float = 0.95,
) -> Bounds:  # fmt: skip
    """Bound a share whose trials come in clusters, such as several attempts of one customer.

    Trials of one customer are alike: a hundred attempts of ten customers say less than those of a hundred. The Wilson
    interval is taken at the number of independent trials that would be as uncertain: never more than the trials, never
    less than one, and as many as the clusters where all trials agree.

    Parameters
    ----------
    successes, trials : (n,) counts, each 0 <= successes <= trials
    clusters : (n,) how many clusters the trials come from
    successes_squared, products, trials_squared : (n,) sums over clusters of s * s, s * t and t * t, where s and t are
        one cluster's successes and trials
    confidence : two-sided coverage as a share in (0, 1)

    Returns
    -------
    (low, high) : two (n,) arrays of shares; nan where nothing was tried

    Raises
    ------
    ValueError : as wilson_interval

    Source
    ------
    Linearised variance of a ratio (Cochran 1977, chapter 6) and effective sample size (Kish 1965).
    """
    good, n, groups = _counts(successes, trials, clusters, names=("successes", "trials", "clusters"))
    squares = (successes_squared, products, trials_squared)
    ss, st, tt = (np.atleast_1d(np.asarray(each, dtype=float)) for each in squares)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = good / n
        spread = np.maximum(ss - 2 * share * st + share**2 * tt, 0.0)
        variance = spread / n**2 * groups / (groups - 1)
        independent = share * (1 - share) / variance
    sure = (good == 0) | (good == n)  # every trial agrees: each cluster is one piece of evidence
    independent = np.where(sure | ~np.isfinite(independent), groups, independent)
    size = np.minimum(np.maximum(independent, 1.0), n)
    scaled = np.where(n > 0, np.clip(share * size, 0.0, size), 0.0)
    low, high = wilson_interval(scaled, size, confidence=confidence)
    return np.where(n == 0, np.nan, low), np.where(n == 0, np.nan, high)


def nps_interval(promoters: ArrayLike, detractors: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Bound a net promoter score, in points.

    The score is the mean of +1, 0 and -1, times 100. Three quarters of a promoter, three quarters of a detractor and
    one and a half passives are added before the usual Wald interval: without them ten answers with no detractor
    among them would look almost certain.

    Parameters
    ----------
    promoters : (n,) counts of 9-10 on a scale of 0-10
    detractors : (n,) counts of 0-6
    n : (n,) counts of all answers, promoters + detractors <= n; where 0, both bounds are nan
    confidence : two-sided coverage as a share in (0, 1)

    Returns
    -------
    (low, high) : two (n,) arrays of points, clipped to -100..100

    Raises
    ------
    ValueError : "promoters and detractors must sum to at most n, but row 0 has 3 + 2 of 4"; rows count from 0

    Source
    ------
    Agresti & Min (2005) for the adjustment of a difference within one sample; coverage measured in simulation.
    """
    plus, minus, total = _counts(promoters, detractors, n, names=("promoters", "detractors", "n"))
    wrong = "promoters and detractors must sum to at most n, but row {row} has {0} + {1} of {2}"
    _refuse(plus + minus > total, wrong, plus, minus, total)
    z = _two_sided_z(confidence)
    size = total + 3.0
    up, down = (plus + 0.75) / size, (minus + 0.75) / size
    score = up - down
    half_width = z * np.sqrt((up + down - score**2) / size)
    seen = (plus - minus) / np.maximum(total, 1.0)  # the adjustment may pull a bound past what was observed
    low = np.clip(100 * np.minimum(score - half_width, seen), -100.0, 100.0)
    high = np.clip(100 * np.maximum(score + half_width, seen), -100.0, 100.0)
    nothing = total == 0
    return np.where(nothing, np.nan, low), np.where(nothing, np.nan, high)


def mean_interval(n: ArrayLike, mean: ArrayLike, sd: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Bound a mean score, such as stars, from its count, mean and standard deviation.

    Not for shares (use wilson_interval), and rough below about ten answers when most of them are equal: the
    interval of identical answers has no width, however few they are.

    Parameters
    ----------
    n : (n,) counts of answers; where less than 2, both bounds are nan, since one answer has no spread
    mean : (n,) means, in the unit of the score; nan is allowed where n < 2
    sd : (n,) sample standard deviations (divided by n - 1), in the same unit; nan is allowed where n < 2
    confidence : two-sided coverage as a share in (0, 1)

    Returns
    -------
    (low, high) : two (n,) arrays in the unit of the score

    Raises
    ------
    ValueError : "sd must not be negative, but row 2 has -1"; rows count from 0

    Source
    ------
    Student (1908).
    """
    (size,) = _counts(n, names=("n",))
    centre, spread = np.atleast_1d(np.asarray(mean, dtype=float)), np.atleast_1d(np.asarray(sd, dtype=float))
    size, centre, spread = np.broadcast_arrays(size, centre, spread)
    enough = size >= 2
    _refuse(enough & ~(np.isfinite(centre) & np.isfinite(spread)), "mean or sd is missing in row {row}, n is {0}", size)
    _refuse(enough & (spread < 0), "sd must not be negative, but row {row} has {0}", spread)
    _two_sided_z(confidence)  # refuses a confidence outside (0, 1)
    freedom = np.where(enough, size - 1, 1.0)
    half_width = special.stdtrit(freedom, (1 + confidence) / 2) * spread / np.sqrt(np.where(enough, size, 1.0))
    return np.where(enough, centre - half_width, np.nan), np.where(enough, centre + half_width, np.nan)


def newcombe_difference(
    successes: ArrayLike,
    trials: ArrayLike,
    other_successes: ArrayLike,
    other_trials: ArrayLike,
    *,
    confidence: float = 0.95,
) -> Bounds:
    """Bound the difference of two independent shares, first minus other.

    Not for two shares of the same customers (before and after): those are not independent.

    Parameters
    ----------
    successes, trials : (n,) counts of the first group
    other_successes, other_trials : (n,) counts of the other group
    confidence : two-sided coverage as a share in (0, 1)

    Returns
    -------
    (low, high) : two (n,) arrays of differences, -1..1; nan where either group is empty

    Raises
    ------
    ValueError : as wilson_interval

    Source
    ------
    Newcombe (1998), hybrid score interval (method 10), without continuity correction.
    """
    low_a, high_a = wilson_interval(successes, trials, confidence=confidence)
    low_b, high_b = wilson_interval(other_successes, other_trials, confidence=confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        share_a = np.atleast_1d(np.asarray(successes, dtype=float)) / np.atleast_1d(np.asarray(trials, dtype=float))
        share_b = np.atleast_1d(np.asarray(other_successes, dtype=float)) / np.atleast_1d(
            np.asarray(other_trials, dtype=float)
        )
    return difference_interval(share_a, low_a, high_a, share_b, low_b, high_b)


def difference_interval(
    share: ArrayLike, low: ArrayLike, high: ArrayLike, other: ArrayLike, other_low: ArrayLike, other_high: ArrayLike
) -> Bounds:
    """Bound the difference of two independent estimates from the bounds of each, first minus other.

    Whatever widened those bounds (clusters, whoever is still open) widens these.

    Parameters
    ----------
    share, low, high : (n,) the first estimates with their bounds
    other, other_low, other_high : (n,) the other ones

    Returns
    -------
    (low, high) : two (n,) arrays; nan where either estimate is

    Source
    ------
    Newcombe (1998): the distances to the bounds, squared and added; Zou & Donner (2008) for estimates of any kind.
    """
    a, low_a, high_a, b, low_b, high_b = (
        np.atleast_1d(np.asarray(each, dtype=float)) for each in (share, low, high, other, other_low, other_high)
    )
    return a - b - np.hypot(a - low_a, high_b - b), a - b + np.hypot(high_a - a, b - low_b)


def _two_sided_z(confidence: float) -> float:
    """The normal quantile that leaves (1 - confidence) / 2 in each tail."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be a share in (0, 1), so 0.95 and not 95, but it is {confidence:g}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _counts(*values: ArrayLike, names: tuple[str, ...]) -> tuple[NDArray[np.float64], ...]:
    """Counts as float arrays of one common length; refuses what no count can be, naming the row."""
    arrays = [np.atleast_1d(np.asarray(value, dtype=float)) for value in values]
    try:
        aligned = np.broadcast_arrays(*arrays)
    except ValueError:
        lengths = ", ".join(f"{name} has {array.size}" for name, array in zip(names, arrays, strict=True))
        raise ValueError(f"all counts must have the same length, but {lengths}") from None
    for name, array in zip(names, aligned, strict=True):
        _refuse(~np.isfinite(array), f"{name} must be a number, but row {{row}} has {{0}}", array)
        _refuse(array < 0, f"{name} must not be negative, but row {{row}} has {{0}}", array)
    return tuple(aligned)


def _refuse(is_wrong: NDArray[np.bool_], message: str, *columns: NDArray[Any]) -> None:
    """Raise ValueError with the first wrong row's values filled into the message."""
    if is_wrong.any():
        row = int(np.argmax(is_wrong))
        raise ValueError(message.format(*(f"{column[row]:g}" for column in columns), row=row))
