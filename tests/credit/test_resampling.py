"""How sure a share of credit is: customers drawn again and again, and shares that cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest

from journey_analytics.credit.resampling import customer_weights, groups, interval


def test_customers_are_drawn_once_on_average_and_independently() -> None:
    drawn = np.stack(list(customer_weights(2_000, 200, np.random.default_rng(7))))
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.var() == pytest.approx(1.0, abs=0.02)
    assert abs(np.corrcoef(drawn[:, 0], drawn[:, 1])[0, 1]) < 0.25


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    random, covered, truth = np.random.default_rng(8), 0, 0.3
    for _ in range(200):
        seen = random.random(300) < truth
        drawn = np.stack(list(customer_weights(300, 200, random)))
        shares = (drawn @ seen) / drawn.sum(axis=1)
        low, high = interval(shares[:, None], np.array([seen.mean()]))
        covered += bool(low[0] <= truth <= high[0])
    assert 0.90 <= covered / 200 <= 0.99


def test_an_interval_holds_its_estimate_and_stays_a_share() -> None:
    low, high = interval(np.array([[0.5], [0.6]]), np.array([0.4]))
    assert low[0] == 0.4
    assert interval(np.array([[-0.1], [1.2]]), np.array([0.4]))[:, 0].tolist() == [0.0, 1.0]
    assert high[0] <= 1


def test_draws_that_credit_nothing_are_left_out_and_none_at_all_is_no_interval() -> None:
    nothing = np.array([[np.nan], [0.5]])
    assert interval(nothing, np.array([0.5])).tolist() == [[0.5], [0.5]]
    assert np.isnan(interval(nothing[:1], np.array([0.5]))).all()


def test_shares_that_reach_the_leader_stand_in_its_group() -> None:
    share = np.array([0.10, 0.50, 0.45, 0.30])
    low = np.array([0.05, 0.42, 0.38, 0.25])
    high = np.array([0.26, 0.58, 0.52, 0.35])
    # 0.45 reaches 0.50's interval; 0.30 does not and leads the next group, which 0.10 reaches.
    assert groups(share, low, high).tolist() == [2, 1, 1, 2]


def test_without_bounds_nothing_can_be_told_apart() -> None:
    unknown = np.full(2, np.nan)
    assert groups(np.array([0.9, 0.1]), unknown, unknown).tolist() == [1, 1]
