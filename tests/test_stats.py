"""Intervals: known values, bounds that cannot be crossed, and refusals that name the row."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from journey_analytics.stats import mean_interval, newcombe_difference, nps_interval, wilson_interval

counts = st.integers(0, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
observed_counts = counts.filter(lambda pair: pair[1] > 0)


@pytest.mark.parametrize(
    ("successes", "trials"),
    [(0, 1), (1, 1), (0, 10), (10, 10), (1, 10), (5, 10), (15, 30), (29, 30), (312, 819), (999_999, 1_000_000)],
)
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_wilson_equals_scipys_own(successes: int, trials: int, confidence: float) -> None:
    known = binomtest(successes, trials).proportion_ci(confidence_level=confidence, method="wilson")
    (low,), (high,) = wilson_interval([successes], [trials], confidence=confidence)
    assert (low, high) == pytest.approx((known.low, known.high), abs=1e-12)


def test_wilson_of_five_in_ten_is_24_to_76_percent() -> None:
    (low,), (high,) = wilson_interval([5], [10])
    assert (round(low, 4), round(high, 4)) == (0.2366, 0.7634)


def test_wilson_of_nothing_observed_is_nan_and_leaves_its_neighbours_alone() -> None:
    low, high = wilson_interval([0, 5], [0, 10])
    assert np.isnan([low[0], high[0]]).all()
    assert np.isfinite([low[1], high[1]]).all()


def test_wilson_ends_exactly_at_0_and_1() -> None:
    trials = np.arange(1, 2000)
    assert set(wilson_interval(np.zeros(1999), trials)[0]) == {0.0}
    assert set(wilson_interval(trials, trials)[1]) == {1.0}


def test_wilson_takes_one_number_or_many() -> None:
    alone, among = wilson_interval(5, 10), wilson_interval([1, 5], [10, 10])
    assert alone[0].tolist() == among[0][1:].tolist()


@given(observed_counts)
def test_wilson_stays_within_0_and_1_and_holds_the_share(pair: tuple[int, int]) -> None:
    successes, trials = pair
    (low,), (high,) = wilson_interval([successes], [trials])
    assert 0 <= low <= successes / trials <= high <= 1


@given(observed_counts)
def test_wilson_of_failures_mirrors_that_of_successes(pair: tuple[int, int]) -> None:
    successes, trials = pair
    (low,), (high,) = wilson_interval([successes], [trials])
    (mirrored_low,), (mirrored_high,) = wilson_interval([trials - successes], [trials])
    assert (low, high) == pytest.approx((1 - mirrored_high, 1 - mirrored_low), abs=1e-9)


@given(observed_counts)
def test_one_more_success_never_lowers_a_bound(pair: tuple[int, int]) -> None:
    successes, trials = pair
    low, high = wilson_interval([successes, min(successes + 1, trials)], [trials, trials])
    assert low[0] <= low[1]
    assert high[0] <= high[1]


@given(observed_counts, st.floats(0.5, 0.95), st.floats(0.955, 0.999))
def test_more_confidence_never_narrows(pair: tuple[int, int], less: float, more: float) -> None:
    narrow = wilson_interval(*pair, confidence=less)
    wide = wilson_interval(*pair, confidence=more)
    assert wide[0][0] <= narrow[0][0]
    assert narrow[1][0] <= wide[1][0]


@pytest.mark.parametrize(
    ("successes", "trials", "message"),
    [
        ([1, 5], [4, 4], "successes must lie in 0..trials, but row 1 has 5 of 4"),
        ([-1], [4], "successes must not be negative, but row 0 has -1"),
        ([1], [math.nan], "trials must be a number, but row 0 has nan"),
        ([1, 2, 3], [4, 4], "all counts must have the same length, but successes has 3, trials has 2"),
    ],
)
def test_counts_that_cannot_be_are_refused_with_their_row(successes: object, trials: object, message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        wilson_interval(successes, trials)  # type: ignore[arg-type]
    assert str(refusal.value) == message


@pytest.mark.parametrize("confidence", [0, 1, 95, -0.5, math.nan])
def test_a_confidence_in_percent_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError) as refusal:
        wilson_interval([1], [2], confidence=confidence)
    assert "0.95 and not 95" in str(refusal.value)


def test_nps_adds_three_quarters_to_both_sides() -> None:
    (low,), (high,) = nps_interval([6], [2], [10])
    up, down = 6.75 / 13, 2.75 / 13
    half = 1.959963984540054 * math.sqrt((up + down - (up - down) ** 2) / 13)
    assert (low, high) == pytest.approx((100 * (up - down - half), 100 * (up - down + half)))


@pytest.mark.parametrize(("n", "half_width"), [(10, 39), (30, 25), (100, 14), (400, 7)])
def test_nps_is_as_unsure_as_its_published_half_widths(n: int, half_width: float) -> None:
    (low,), (high,) = nps_interval([0.5 * n], [0.2 * n], [n])
    assert (high - low) / 2 == pytest.approx(half_width, abs=4)


def test_nps_of_no_answers_is_nan() -> None:
    (low,), (high,) = nps_interval([0], [0], [0])
    assert math.isnan(low)
    assert math.isnan(high)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000))
def test_nps_stays_within_100_points_and_holds_the_score(promoters: int, passives: int, detractors: int) -> None:
    n = max(promoters + passives + detractors, 1)
    (low,), (high,) = nps_interval([promoters], [detractors], [n])
    score = 100 * (promoters - detractors) / n
    assert -100 <= low <= high <= 100
    assert low - 1e-9 <= score <= high + 1e-9


@given(st.integers(1, 2000), st.data())
def test_a_passive_who_becomes_a_promoter_never_lowers_the_score_bounds(n: int, data: st.DataObject) -> None:
    promoters = data.draw(st.integers(0, n - 1))
    detractors = data.draw(st.integers(0, n - 1 - promoters))
    low, _ = nps_interval([promoters, promoters + 1], [detractors, detractors], [n, n])
    assert low[0] <= low[1] + 1e-9


def test_nps_refuses_more_answers_of_a_kind_than_answers() -> None:
    with pytest.raises(ValueError) as refusal:
        nps_interval([3], [2], [4])
    assert str(refusal.value) == "promoters and detractors must sum to at most n, but row 0 has 3 + 2 of 4"


def test_mean_interval_is_students() -> None:
    (low,), (high,) = mean_interval([25], [3.8], [1.2])
    assert (low, high) == pytest.approx(t.interval(0.95, 24, 3.8, 1.2 / 5))


def test_one_answer_has_no_spread_to_bound_its_mean() -> None:
    low, high = mean_interval([0, 1, 2], [math.nan, 4.0, 4.0], [math.nan, math.nan, 1.0])
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("mean", "sd", "message"),
    [
        ([3.0, 3.0], [1.0, -1.0], "sd must not be negative, but row 1 has -1"),
        ([3.0, math.nan], [1.0, 1.0], "mean or sd is missing in row 1, n is 9"),
    ],
)
def test_a_mean_that_cannot_be_is_refused_with_its_row(mean: list[float], sd: list[float], message: str) -> None:
    with pytest.raises(ValueError) as refusal:
        mean_interval([9, 9], mean, sd)
    assert str(refusal.value) == message


def test_newcombe_gives_the_worked_example_of_its_paper() -> None:
    (low,), (high,) = newcombe_difference([56], [70], [48], [80])
    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


@given(observed_counts, observed_counts)
def test_newcombe_holds_the_difference_and_stays_within_1(first: tuple[int, int], other: tuple[int, int]) -> None:
    (low,), (high,) = newcombe_difference(*first, *other)
    assert -1 - 1e-12 <= low <= first[0] / first[1] - other[0] / other[1] <= high <= 1 + 1e-12


@given(observed_counts, observed_counts)
def test_newcombe_turns_its_sign_with_the_groups(first: tuple[int, int], other: tuple[int, int]) -> None:
    (low,), (high,) = newcombe_difference(*first, *other)
    (swapped_low,), (swapped_high,) = newcombe_difference(*other, *first)
    assert (low, high) == pytest.approx((-swapped_high, -swapped_low), abs=1e-12)


def test_newcombe_of_an_empty_group_is_nan() -> None:
    (low,), (high,) = newcombe_difference([1], [2], [0], [0])
    assert math.isnan(low)
    assert math.isnan(high)
