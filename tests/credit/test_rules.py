"""Credit by a rule: who earns how much of one purchase."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_ways import PLACES, ways_of

from journey_analytics.credit.rules import RULES, credit_by_place, weights

IS_DIRECT = np.array([False, False, True])


@pytest.mark.parametrize(
    ("taken", "rule", "earned"),
    [
        ("ABAD", "first", [1, 0, 0, 0]),
        ("ABAD", "last", [0, 0, 0, 1]),
        ("ABAD", "last_non_direct", [0, 0, 1, 0]),
        ("DD", "last_non_direct", [0, 1]),
        ("ABAD", "linear", [0.25, 0.25, 0.25, 0.25]),
        ("ABAD", "position", [0.4, 0.1, 0.1, 0.4]),
        ("AB", "position", [0.5, 0.5]),
        ("A", "position", [1]),
        ("ABD", "time_decay", [1 / 7, 2 / 7, 4 / 7]),
    ],
)
def test_a_touch_earns_what_the_rule_says(taken: str, rule: str, earned: list[float]) -> None:
    given_ = ways_of((taken, True))
    found = weights(given_, rule, is_direct=IS_DIRECT, half_life_seconds=1.0)  # type: ignore[arg-type]
    assert found.tolist() == pytest.approx(earned)


def test_position_weights_need_not_sum_to_one_and_may_leave_the_ends_nothing() -> None:
    assert weights(ways_of(("ABAB", True)), "position", position=(2, 4, 4)).tolist() == pytest.approx(
        [0.2, 0.2, 0.2, 0.4]
    )
    assert weights(ways_of(("AB", True)), "position", position=(0, 1, 0)).tolist() == [0.5, 0.5]


def test_touches_long_past_still_share_all_of_a_purchase() -> None:
    far = ways_of(("AB", True))
    object.__setattr__(far, "seconds_before_end", np.array([1e9, 1e9 - 7 * 86_400]))
    assert weights(far, "time_decay").tolist() == pytest.approx([1 / 3, 2 / 3])


@given(st.lists(st.tuples(st.text(PLACES, max_size=7), st.booleans()), min_size=1, max_size=8))
def test_every_way_hands_out_all_of_itself_once(taken: list[tuple[str, bool]]) -> None:
    ways = ways_of(*taken)
    for rule in RULES:
        found = weights(ways, rule, is_direct=IS_DIRECT)
        sums = np.bincount(ways.way, weights=found, minlength=ways.n_ways)
        assert sums.tolist() == pytest.approx([1.0 if way else 0.0 for way, _ in taken])
        assert credit_by_place(ways, found, np.ones(ways.n_ways)).sum() == pytest.approx(
            sum(bool(way) and is_converted for way, is_converted in taken)
        )


@pytest.mark.parametrize("position", [(0, 0, 0), (1, -1, 1), (1, 1)])
def test_weights_that_say_nothing_are_refused(position: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="three weights, none negative and not all zero"):
        weights(ways_of(("AB", True)), "position", position=position)


def test_a_half_life_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must be positive"):
        weights(ways_of(("AB", True)), "time_decay", half_life_seconds=0)
