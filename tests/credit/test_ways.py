"""Ways before anything is credited: what is cut, what is taken as one, and what is nobody's work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_ways import PLACES, shown, ways_of

from journey_analytics.credit.ways import Ways, cleaned

IS_DIRECT = np.array([False, False, True])  # A, B, D


@pytest.mark.parametrize(
    ("taken", "clean_up", "left"),
    [
        ("AABA", "unique", "AABA"),
        ("AABA", "exposure", "ABA"),
        ("AABA", "first", "AB"),
        ("AAAA", "exposure", "A"),
    ],
)
def test_a_clean_up_keeps_what_its_name_says(taken: str, clean_up: str, left: str) -> None:
    assert shown(cleaned(ways_of((taken, True)), clean_up=clean_up)) == [left]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("taken", "direct", "left"),
    [
        ("ADBD", "keep", "ADBD"),
        ("ADBD", "trim", "ADB"),
        ("ADBD", "remove", "AB"),
        ("DD", "trim", "DD"),
        ("DD", "remove", "DD"),
    ],
)
def test_direct_touches_go_unless_there_is_nothing_else(taken: str, direct: str, left: str) -> None:
    way = cleaned(ways_of((taken, True)), clean_up="unique", direct=direct, is_direct=IS_DIRECT)  # type: ignore[arg-type]
    assert shown(way) == [left]


def test_equal_places_of_two_ways_are_not_one_exposure() -> None:
    assert shown(cleaned(ways_of(("AB", True), ("BA", False)), clean_up="exposure")) == ["AB", "BA"]


def test_an_exposure_is_dated_by_its_last_touch() -> None:
    way = cleaned(ways_of(("AAB", True)), clean_up="exposure")
    assert way.seconds_before_end.tolist() == [1.0, 0.0]


def test_a_touch_exactly_the_look_back_before_the_end_still_counts() -> None:
    ways = ways_of(("ABAB", True), ("A", True))
    assert shown(cleaned(ways, look_back_seconds=2.0, clean_up="unique")) == ["BAB", "A"]


def test_a_way_that_lies_before_the_look_back_stays_as_an_empty_one() -> None:
    late = Ways(
        np.array([0], np.int32), np.array([9.0]), np.array([0, 1]), np.array([True]), np.array([5]),
        np.array([0], np.int32), 1,
    )  # fmt: skip
    assert cleaned(late, look_back_seconds=1.0).length.tolist() == [0]


@given(st.lists(st.tuples(st.text(PLACES, max_size=6), st.booleans()), max_size=6))
def test_cleaning_keeps_every_way_and_invents_no_touch(taken: list[tuple[str, bool]]) -> None:
    ways = ways_of(*taken)
    for clean_up in ("unique", "exposure", "first"):
        for direct in ("keep", "trim", "remove"):
            left = shown(cleaned(ways, clean_up=clean_up, direct=direct, is_direct=IS_DIRECT))  # type: ignore[arg-type]
            assert len(left) == len(taken)
            assert all(set(after) <= set(before) for after, (before, _) in zip(left, taken, strict=True))
            assert all(bool(after) == bool(before) for after, (before, _) in zip(left, taken, strict=True))


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ValueError, match="start must end at the 2 touches, but ends at 1"):
        Ways(
            np.zeros(2, np.int32), np.zeros(2), np.array([0, 1]), np.array([True]), np.array([0]),
            np.array([0], np.int32), 1,
        )  # fmt: skip
