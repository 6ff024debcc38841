"""Expectations: what is misspelt or cannot be met is refused when it is made."""

from __future__ import annotations

import pytest

from journey_analytics.errors import ConfigError
from journey_analytics.facts.expectations import FeedExpectation, ModelCheck, SqlCheck


def test_a_misspelt_feed_expectation_is_refused_with_a_did_you_mean() -> None:
    with pytest.raises(ConfigError) as refusal:
        FeedExpectation("refused_shares", at_most=0.1)
    assert refusal.value.reason == "unknown feed expectation 'refused_shares': did you mean refused_share?"
    assert "hours_since_last_event" in refusal.value.allowed


def test_a_misspelt_model_expectation_names_its_table() -> None:
    with pytest.raises(ConfigError) as refusal:
        ModelCheck("marts.paths", "uniqe", columns=("path",))
    assert refusal.value.where == "marts.paths"
    assert "did you mean unique?" in refusal.value.reason


@pytest.mark.parametrize("level", ["wran", "error", ""])
def test_a_level_outside_the_three_is_refused(level: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        SqlCheck("sums", "Do the sums hold?", level, "select 1")
    assert refusal.value.allowed == "warn, freeze, fail"


def test_an_expectation_without_a_bound_is_refused() -> None:
    with pytest.raises(ConfigError) as refusal:
        FeedExpectation("rows_read")
    assert refusal.value.reason == "rows_read has no bound"


def test_bounds_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ConfigError) as refusal:
        FeedExpectation("rows_vs_same_weekday", between=(2.0, 0.5))
    assert "at least 2 and at most 0.5" in refusal.value.reason


def test_between_beside_at_most_is_refused() -> None:
    with pytest.raises(ConfigError) as refusal:
        FeedExpectation("rows_vs_same_weekday", between=(0.5, 2.0), at_most=3.0)
    assert "beside" in refusal.value.reason


@pytest.mark.parametrize("expect", ["unique", "not_null", "between", "values"])
def test_a_model_check_without_columns_is_refused(expect: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        ModelCheck("marts.paths", expect, at_least=0, values=("a",))
    assert "names no column" in refusal.value.reason


def test_values_without_any_value_is_refused() -> None:
    with pytest.raises(ConfigError) as refusal:
        ModelCheck("marts.paths", "values", column="path", values=())
    assert refusal.value.reason == "values on path lists none"


def test_between_reads_as_at_least_and_at_most() -> None:
    assert FeedExpectation("rows_vs_same_weekday", between=(0.5, 2.0)).bounds == (0.5, 2.0)
