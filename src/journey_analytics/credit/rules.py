"""Credit by place on the way: a fixed rule says which part of a conversion each touch before it earns.

Pure and exact. The rules describe the ways that were taken; none of them says what a place has caused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from journey_analytics.credit.ways import Ways

Rule = Literal["first", "last", "last_non_direct", "linear", "position", "time_decay"]
RULES: tuple[Rule, ...] = ("first", "last", "last_non_direct", "linear", "position", "time_decay")


def weights(
    ways: Ways,
    rule: Rule,
    *,
    is_direct: NDArray[np.bool_] | None = None,
    position: Sequence[float] = (0.4, 0.2, 0.4),
    half_life_seconds: float = 7 * 86_400.0,
) -> NDArray[np.float64]:
    """Which part of its way each touch earns.

    Parameters
    ----------
    rule : `first`, `last`; `last_non_direct`, the last touch that is not direct, and the last one of a way that has no
        other; `linear`, equal parts; `position`, by the three weights below; `time_decay`, half as much for every
        half-life before the end
    is_direct : (n_places,) which places are direct; none where None
    position : parts of the first touch, of all touches between (shared equally), and of the last; not negative, not
        all zero. A way of two has no between: its parts grow in proportion, and are halves where both are zero
    half_life_seconds : positive

    Returns
    -------
    (n_touches,) shares that sum to 1 over every way that has touches

    Raises
    ------
    ValueError : the position weights or the half-life are not as above
    """
    length = ways.length
    if rule == "linear":
        return np.asarray(np.repeat(1.0 / np.maximum(length, 1), length))
    if rule == "position":
        return _by_position(ways, position)
    if rule == "time_decay":
        return _by_time(ways, half_life_seconds)
    chosen = np.zeros(len(ways.place))
    filled = length > 0
    last = ways.start[1:] - 1
    if rule == "last_non_direct" and is_direct is not None and len(ways.place):
        other = np.where(is_direct[ways.place], -1, np.arange(len(ways.place)))
        last_other = np.full(ways.n_ways, -1, dtype=np.int64)
        np.maximum.at(last_other, ways.way, other)
        last = np.where(last_other >= 0, last_other, last)
    chosen[(ways.start[:-1] if rule == "first" else last)[filled]] = 1.0
    return chosen


def credit_by_place(ways: Ways, shares: NDArray[np.float64], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """What every place earns when each converted way hands out its value by the shares.

    Parameters
    ----------
    shares : (n_touches,) as `weights` returns them
    value : (n_ways,) what a way hands out if it converted: ones for conversions, revenue_minor for revenue

    Returns
    -------
    (n_places,) sums; their total is that of the converted ways that have touches
    """
    earned = np.repeat(np.where(ways.is_converted, value, 0.0), ways.length) * shares
    return np.bincount(ways.place, weights=earned, minlength=ways.n_places).astype(np.float64)


def _by_position(ways: Ways, position: Sequence[float]) -> NDArray[np.float64]:
    if len(position) != 3 or min(position) < 0 or sum(position) <= 0:
        raise ValueError(f"position must be three weights, none negative and not all zero, but is {list(position)}")
    first, between, last = (part / sum(position) for part in position)
    length = ways.length
    earned = np.repeat(between / np.maximum(length - 2, 1), length)
    ends = first + last
    pair = (first / ends, last / ends) if ends else (0.5, 0.5)
    for count, parts in ((1, (1.0, 1.0)), (2, pair), (3, (first, last))):
        picked = length == count if count < 3 else length >= 3
        earned[ways.start[:-1][picked]] = parts[0]
        earned[ways.start[1:][picked] - 1] = parts[1]
    return np.asarray(earned)


def _by_time(ways: Ways, half_life_seconds: float) -> NDArray[np.float64]:
    if not half_life_seconds > 0:
        raise ValueError(f"the half-life must be positive, but is {half_life_seconds}")
    # Measured from each way's last touch, so that a way whose touches are all long past does not vanish in rounding.
    way, length = ways.way, ways.length
    nearest = np.full(ways.n_ways, np.inf)
    np.minimum.at(nearest, way, ways.seconds_before_end)
    raw = np.exp2(-(ways.seconds_before_end - np.repeat(nearest, length)) / half_life_seconds)
    return np.asarray(raw / np.bincount(way, weights=raw, minlength=ways.n_ways)[way])
