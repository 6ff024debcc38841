"""Kaplan-Meier against an example worked out by hand, a slow reference, and a simulation with a known truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_analytics.survival import share_arrived


def reference(watched: list[int], arrived: list[bool], at: int) -> float:
    staying = 1.0
    for moment in sorted({time for time, event in zip(watched, arrived, strict=True) if event and time <= at}):
        at_risk = sum(time >= moment for time in watched)
        events = sum(time == moment and event for time, event in zip(watched, arrived, strict=True))
        staying *= 1 - events / at_risk
    return 1 - staying


def test_whoever_is_no_longer_watched_counts_until_then() -> None:
    # Five customers: bought on days 2 and 4, watched without buying until 3, 5 and 5.
    # Day 2: 1 of 5. Day 4: 1 of the 3 still watched. 1 - 4/5 * 2/3 = 7/15.
    found = share_arrived([2, 3, 4, 5, 5], [True, False, True, False, False], [1, 2, 3, 4, 5])
    assert found.share.tolist() == pytest.approx([0, 1 / 5, 1 / 5, 7 / 15, 7 / 15])
    assert found.n_at_risk.tolist() == [5, 5, 4, 3, 2]
    assert found.n_arrived.tolist() == [0, 1, 1, 2, 2]


def test_greenwood_s_bounds_stand_on_the_log_log_scale() -> None:
    found = share_arrived([2, 3, 4, 5, 5], [True, False, True, False, False], [4])
    spread = 1 / (5 * 4) + 1 / (3 * 2)
    width = 1.959963984540054 * math.sqrt(spread) / abs(math.log(8 / 15))
    assert found.low[0] == pytest.approx(1 - (8 / 15) ** math.exp(-width))
    assert found.high[0] == pytest.approx(1 - (8 / 15) ** math.exp(width))


def test_an_arrival_comes_before_the_end_of_watching_at_the_same_moment() -> None:
    assert share_arrived([3, 3], [True, False], [3]).share[0] == 0.5


def test_beyond_the_longest_time_watched_nothing_is_said_unless_all_have_arrived() -> None:
    some, everyone = share_arrived([2, 5], [True, False], [6]), share_arrived([2, 5], [True, True], [6])
    assert np.isnan([some.share[0], some.low[0], some.high[0]]).all()
    assert (everyone.share[0], everyone.low[0], everyone.high[0]) == (1, 1, 1)


def test_nobody_is_no_estimate_and_no_error() -> None:
    found = share_arrived([], [], [1.0])
    assert np.isnan(found.share[0])
    assert (found.n_at_risk[0], found.n_arrived[0]) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=30))
def test_the_estimate_is_the_reference_s_and_never_falls(rows: list[tuple[int, bool]]) -> None:
    watched, arrived = [time for time, _ in rows], [event for _, event in rows]
    found = share_arrived(watched, arrived, range(max(watched) + 1))
    wanted = [reference(watched, arrived, at) for at in range(max(watched) + 1)]
    assert found.share.tolist() == pytest.approx(wanted)
    assert (np.diff(found.share) >= -1e-12).all()
    assert ((found.low <= found.share + 1e-12) & (found.share <= found.high + 1e-12)).all()
    assert ((found.low >= 0) & (found.high <= 1)).all()


def test_bounds_cover_the_truth_although_most_are_cut_short() -> None:
    random, covered = np.random.default_rng(5), 0
    for _ in range(300):
        arrival, cut = random.exponential(10, 120), random.uniform(0, 20, 120)
        found = share_arrived(np.minimum(arrival, cut), arrival <= cut, [7.0])
        covered += bool(found.low[0] <= 1 - math.exp(-0.7) <= found.high[0])
    assert 0.92 <= covered / 300 <= 0.985


def test_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="no time negative"):
        share_arrived([-1.0], [True], [1.0])
    with pytest.raises(ValueError, match="of one length"):
        share_arrived([1.0, 2.0], [True], [1.0])
