"""Steps in order, counted over arrays that are sorted already: the fast twin of the compiled SELECT.

Pure: numpy in, numpy out. An attempt that begins at a first step goes on to the next event of step 2, from there to the
next of step 3, and so on: since only the window limits it, and the window runs from its first step, taking every step
as early as possible loses nothing. So each attempt's reach is a chain of looks at "the next event of step k", and the
next event of step k after a row is found by counting how many there have been up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Events:
    """The events that make some step, sorted by customer, then time.

    step : (n,) which step, from 1; no event makes two
    moment : (n,) microseconds
    is_new : (n,) whether the row is its customer's first
    """

    step: NDArray[np.uint8]
    moment: NDArray[np.int64]
    is_new: NDArray[np.bool_]


@dataclass(frozen=True)
class Ways:
    """One row for each customer who made the first step: how far they got, and by which events.

    furthest : (n,) the number of the furthest step
    is_open : (n,) whether they are not through and some attempt of theirs still has time
    open_since : (n,) when their latest attempt began: the one that has time longest
    rows : for each step, (n,) the row of `Events` that made it; -1 where it was not made
    """

    furthest: NDArray[np.int8]
    is_open: NDArray[np.bool_]
    open_since: NDArray[np.int64]
    rows: tuple[NDArray[np.int64], ...]


def out_of_order(events: Events) -> int:
    """How many rows are earlier than the row before them, of the same customer."""
    return int((~events.is_new[1:] & (np.diff(events.moment) < 0)).sum())


def in_listed_order(events: Events) -> NDArray[np.int64] | None:
    """The order in which events of one instant are taken by their step; None where they stand so already."""
    same = ~events.is_new[1:] & (events.moment[1:] == events.moment[:-1])
    if not (same & (events.step[1:] < events.step[:-1])).any():
        return None
    instant = np.concatenate(([0], np.cumsum(~same)))
    return np.argsort(instant * 256 + events.step, kind="stable")


def ways(
    events: Events, n_steps: int, *, window: int | None, now: int, only_first: bool = False,
    entered: tuple[int | None, int | None] = (None, None),
) -> Ways:  # fmt: skip
    """How far every customer gets.

    Parameters
    ----------
    events : sorted, and events of one instant in the order of their steps
    window : microseconds from an attempt's first step to its last, inclusive; None is unlimited
    now : up to when the data is complete, in microseconds
    only_first : whether only a customer's first first step may begin an attempt, or every one, of which the one that
        gets furthest counts, and the earliest of equals
    entered : when the first step must have been made; the end is not inside

    Returns
    -------
    customers in the order of the events; those who never made the first step are left out
    """
    customer = np.cumsum(events.is_new, dtype=np.int32)
    starts = _starts(events, customer, only_first, entered)
    latest = events.moment[starts] + window if window is not None else np.full(len(starts), np.iinfo(np.int64).max)
    reached = np.ones(len(starts), dtype=np.int8)
    alive, at = np.arange(len(starts)), starts
    trail = [(alive, at)]
    for step in range(2, n_steps + 1):
        alive, at = _next(events, customer, step, alive, at, latest)
        reached[alive] = step
        trail.append((alive, at))
    return _chosen(events, customer[starts], starts, reached, trail, n_steps, (window, now))


def _starts(
    events: Events, customer: NDArray[np.int32], only_first: bool, entered: tuple[int | None, int | None]
) -> NDArray[np.int64]:
    starts = np.flatnonzero(events.step == 1)
    since, until = entered
    if since is not None:
        starts = starts[events.moment[starts] >= since]
    if until is not None:
        starts = starts[events.moment[starts] < until]
    return starts[_first_of(customer[starts])] if only_first else starts


def _next(
    events: Events, customer: NDArray[np.int32], step: int, alive: NDArray[np.int64], at: NDArray[np.int64],
    latest: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:  # fmt: skip
    """The attempts that make one more step, and the row by which each does."""
    is_step = events.step == step
    there = np.flatnonzero(is_step)
    so_far = np.cumsum(is_step, dtype=np.int32)[at]
    goes_on = so_far < len(there)
    alive, at = alive[goes_on], at[goes_on]
    ahead = there[so_far[goes_on]]
    in_time = (customer[ahead] == customer[at]) & (events.moment[ahead] <= latest[alive])
    return alive[in_time], ahead[in_time]


def _chosen(
    events: Events, whose: NDArray[np.int32], starts: NDArray[np.int64], reached: NDArray[np.int8],
    trail: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], n_steps: int, time: tuple[int | None, int],
) -> Ways:  # fmt: skip
    """Of each customer's attempts the one that gets furthest, and the earliest of equals."""
    if not len(starts):
        nothing = np.zeros(0, dtype=np.int64)
        return Ways(nothing.astype(np.int8), nothing.astype(bool), nothing, (nothing,) * n_steps)
    begins = np.flatnonzero(_first_of(whose))
    sizes = np.diff(np.append(begins, len(starts)))
    furthest = np.maximum.reduceat(reached, begins)
    number = np.repeat(np.arange(len(begins)), sizes)
    best = np.flatnonzero(reached == furthest[number])
    best = best[_first_of(number[best])]
    window, now = time
    last_start = events.moment[starts[begins + sizes - 1]]
    has_time = np.ones(len(begins), dtype=bool) if window is None else last_start + window >= now
    is_best = np.zeros(len(starts), dtype=bool)
    is_best[best] = True
    rows = []
    for alive, at in trail:
        made = np.full(len(begins), -1, dtype=np.int64)
        counted = is_best[alive]
        made[number[alive[counted]]] = at[counted]
        rows.append(made)
    return Ways(furthest, (furthest < n_steps) & has_time, last_start, tuple(rows))


def _first_of(sorted_values: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values are the first of their run."""
    first = np.ones(len(sorted_values), dtype=bool)
    first[1:] = sorted_values[1:] != sorted_values[:-1]
    return first
