"""Shares whose trials come in clusters: known values, honest coverage, and bounds that cannot be crossed."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_analytics.stats import clustered_share_interval, wilson_interval


def bounds(successes: list[int], trials: list[int]) -> tuple[float, float]:
    """The interval of one share, from each cluster's successes and trials."""
    s, t = np.array(successes, dtype=float), np.array(trials, dtype=float)
    low, high = clustered_share_interval(
        [s.sum()], [t.sum()], [len(s)],
        successes_squared=[(s * s).sum()], products=[(s * t).sum()], trials_squared=[(t * t).sum()],
    )  # fmt: skip
    return float(low[0]), float(high[0])


def test_clusters_of_one_trial_are_as_wide_as_independent_trials() -> None:
    low, high = bounds([1] * 300 + [0] * 700, [1] * 1000)
    (wilson_low,), (wilson_high,) = wilson_interval([300], [1000])
    assert (low, high) == pytest.approx((wilson_low, wilson_high), abs=1e-4)


def test_clusters_that_always_agree_weigh_as_one_trial_each() -> None:
    low, high = bounds([10] * 30 + [0] * 70, [10] * 100)
    (wilson_low,), (wilson_high,) = wilson_interval([30], [100])
    assert (low, high) == pytest.approx((wilson_low, wilson_high), abs=2e-3)


def test_where_every_trial_agrees_the_clusters_are_the_evidence() -> None:
    low, high = bounds([10, 10, 10], [10, 10, 10])
    (wilson_low,), _ = wilson_interval([3], [3])
    assert (low, high) == pytest.approx((wilson_low, 1.0))


def test_one_cluster_of_mixed_trials_says_as_little_as_one_trial() -> None:
    low, high = bounds([5], [10])
    assert high - low > 0.8


def test_without_a_trial_there_is_no_interval() -> None:
    assert all(map(math.isnan, bounds([0, 0], [0, 0])))


@given(st.lists(st.integers(1, 20).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1))
def test_the_bounds_hold_the_share_and_stay_within_0_and_1(clusters: list[tuple[int, int]]) -> None:
    good, n = [each[0] for each in clusters], [each[1] for each in clusters]
    low, high = bounds(good, n)
    assert 0 <= low <= sum(good) / sum(n) + 1e-12
    assert sum(good) / sum(n) - 1e-12 <= high <= 1


def test_95_percent_of_the_intervals_hold_the_true_share() -> None:
    dice = np.random.default_rng(7)
    held = 0
    for _ in range(400):
        own = dice.beta(2, 4, size=150)  # each customer has a share of their own, 1/3 on average
        trials = dice.integers(1, 8, size=150)
        low, high = bounds(list(dice.binomial(trials, own)), list(trials))
        held += low <= 1 / 3 <= high
    assert held / 400 > 0.92
