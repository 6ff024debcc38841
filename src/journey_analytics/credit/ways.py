"""The ways customers took, as arrays: one stretch of touches per journey, cut to a look-back and cleaned.

Pure: numpy in, numpy out. A *place* is whatever earns credit (a touchpoint with its channel and campaign), known here
by its number only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CleanUp = Literal["unique", "exposure", "first"]
Direct = Literal["keep", "trim", "remove"]


@dataclass(frozen=True)
class Ways:
    """Journeys as ways to an end: n_ways of them with n_touches in all.

    place : (n_touches,) the number of each touch's place, 0..n_places-1, way by way, each in the order it happened
    seconds_before_end : (n_touches,) seconds from the touch to the end of its way; never negative
    start : (n_ways + 1,) where each way's touches begin in the arrays above; the last entry is n_touches
    is_converted : (n_ways,) whether the way ended in a conversion
    revenue_minor : (n_ways,) what the conversion brought in, in minor units; 0 for the others
    customer : (n_ways,) the number of the way's customer, 0..n_customers-1
    n_places : how many places there are, with or without touches
    """

    place: NDArray[np.int32]
    seconds_before_end: NDArray[np.float64]
    start: NDArray[np.int64]
    is_converted: NDArray[np.bool_]
    revenue_minor: NDArray[np.int64]
    customer: NDArray[np.int32]
    n_places: int

    def __post_init__(self) -> None:
        if len(self.place) and not (self.place.min() >= 0 and self.place.max() < self.n_places):
            raise ValueError(f"places must lie in 0..{self.n_places - 1}")
        if len(self.start) != len(self.is_converted) + 1 or (np.diff(self.start) < 0).any():
            raise ValueError("start must rise, and have one entry more than there are ways")
        if len(self.start) and self.start[-1] != len(self.place):
            raise ValueError(f"start must end at the {len(self.place)} touches, but ends at {self.start[-1]}")

    @property
    def n_ways(self) -> int:
        """How many ways there are."""
        return len(self.is_converted)

    @property
    def length(self) -> NDArray[np.int64]:
        """(n_ways,) touches of each way."""
        return np.diff(self.start)

    @property
    def way(self) -> NDArray[np.int64]:
        """(n_touches,) the number of each touch's way."""
        return np.repeat(np.arange(self.n_ways), self.length)

    def only(self, kept: NDArray[np.bool_]) -> Ways:
        """The same ways with the touches of `kept` alone; a way may become empty, and stays."""
        counts = np.bincount(self.way[kept], minlength=self.n_ways)
        start = np.concatenate(([0], np.cumsum(counts)))
        return Ways(
            self.place[kept], self.seconds_before_end[kept], start, self.is_converted, self.revenue_minor,
            self.customer, self.n_places,
        )  # fmt: skip


def cleaned(
    ways: Ways,
    *,
    look_back_seconds: float | None = None,
    clean_up: CleanUp = "exposure",
    direct: Direct = "keep",
    is_direct: NDArray[np.bool_] | None = None,
) -> Ways:
    """Cut and clean the ways before anything is credited, in this order: look-back, direct, clean-up.

    Parameters
    ----------
    look_back_seconds : touches longer before the end than this are forgotten; exactly as long still counts
    clean_up : `unique` keeps every touch as it happened; `exposure` takes touches of one place in a row as one (the
        last of them); `first` keeps a place's first touch alone
    direct : `keep`; `trim` takes direct touches off the end of a way; `remove` takes all of them out. Neither applies
        to a way that is direct throughout: it has nothing else to be credited to
    is_direct : (n_places,) which places are direct; none where None

    Returns
    -------
    ways of the same number and order; one whose touches all lie before the look-back is empty

    Source
    ------
    The vocabulary is that of the open fractional attribution models (exposure, unique and first path; remove if last
    and not all, remove if not all).
    """
    if look_back_seconds is not None:
        ways = ways.only(ways.seconds_before_end <= look_back_seconds)
    if direct != "keep" and is_direct is not None and len(ways.place):
        ways = ways.only(_without_direct(ways, is_direct[ways.place], direct))
    if clean_up == "exposure":
        return ways.only(~(_same_way_next(ways) & (ways.place == np.roll(ways.place, -1))))
    return ways.only(_first_of_place(ways)) if clean_up == "first" else ways


def _without_direct(ways: Ways, is_direct: NDArray[np.bool_], direct: Direct) -> NDArray[np.bool_]:
    """Which touches stay: all of a way that is direct throughout, else those that are not direct, or not at the end."""
    way, position = ways.way, np.arange(len(ways.place))
    last_other = np.full(ways.n_ways, -1)
    np.maximum.at(last_other, way[~is_direct], position[~is_direct])
    is_all_direct = (last_other < 0)[way]
    kept = ~is_direct if direct == "remove" else position <= last_other[way]
    return np.asarray(kept | is_all_direct)


def _same_way_next(ways: Ways) -> NDArray[np.bool_]:
    """Whether the next touch belongs to the same way."""
    follows = np.ones(len(ways.place), dtype=bool)
    ends = ways.start[1:][ways.length > 0] - 1
    follows[ends] = False
    return follows


def _first_of_place(ways: Ways) -> NDArray[np.bool_]:
    """Which touches are the first of their place on their way."""
    kept = np.zeros(len(ways.place), dtype=bool)
    _, first = np.unique(ways.way * ways.n_places + ways.place, return_index=True)
    kept[first] = True
    return kept
