"""Removal effects against a slow reference in plain Python, and against an example worked out by hand."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_ways import PLACES, ways_of

from journey_analytics.credit import markov

BOUGHT, GONE = "bought", "gone"


def reference(taken: list[tuple[str, bool]], order: int, lost: str | None) -> Fraction:
    """The chance to convert from the start, by Gaussian elimination over fractions; whoever comes to `lost` is lost."""
    moves: dict[str, Counter[str]] = {"": Counter()}
    for way, is_converted in taken:
        state = ""
        for place in way:
            moves.setdefault(state, Counter())[(state + place)[-order:]] += 1
            state = (state + place)[-order:]
        moves.setdefault(state, Counter())[BOUGHT if is_converted else GONE] += 1
    states = sorted(moves)
    rows = []
    for state in states:
        leaving = sum(moves[state].values())
        row = [Fraction(int(state == other)) for other in states] + [Fraction(0)]
        if leaving and not (lost and state.endswith(lost)):
            for target, count in moves[state].items():
                if target == BOUGHT:
                    row[-1] += Fraction(count, leaving)
                elif target != GONE:
                    row[states.index(target)] -= Fraction(count, leaving)
        rows.append(row)
    for pivot in range(len(rows)):
        at = next(number for number in range(pivot, len(rows)) if rows[number][pivot])
        rows[pivot], rows[at] = rows[at], rows[pivot]
        rows[pivot] = [value / rows[pivot][pivot] for value in rows[pivot]]
        for number in range(len(rows)):
            if number != pivot and rows[number][pivot]:
                factor = rows[number][pivot]
                rows[number] = [a - factor * b for a, b in zip(rows[number], rows[pivot], strict=True)]
    return rows[states.index("")][-1]


def test_three_ways_of_which_one_bought() -> None:
    # A→B→D bought; A and B→D did not. Whoever loses B or D loses every purchase; without A half of them is left.
    ways = ways_of(("ABD", True), ("A", False), ("BD", False))
    chain = markov.chain_of(ways)
    counts = markov.move_counts(chain)
    assert markov.conversion_chance(chain, counts) == pytest.approx(1 / 3)
    effects = markov.removal_effects(chain, counts)
    assert effects.tolist() == pytest.approx([0.5, 1.0, 1.0])
    assert markov.shares_of(effects).tolist() == pytest.approx([0.2, 0.4, 0.4])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(PLACES, max_size=5), st.booleans()), min_size=1, max_size=8),
    st.sampled_from([1, 2, 3]),
)
def test_effects_are_those_of_the_reference_whatever_the_order_of_the_chain(
    taken: list[tuple[str, bool]], order: int
) -> None:
    chain = markov.chain_of(ways_of(*taken), order)
    counts = markov.move_counts(chain)
    whole = reference(taken, order, None)
    wanted = [float(1 - reference(taken, order, place) / whole) if whole else 0.0 for place in PLACES]
    assert markov.removal_effects(chain, counts).tolist() == pytest.approx(wanted, abs=1e-9)
    assert markov._effects_sparse(chain, counts).tolist() == pytest.approx(wanted, abs=1e-9)


def test_a_weight_counts_a_way_as_often_as_it_says() -> None:
    ways, twice = ways_of(("AB", True), ("B", False)), ways_of(("AB", True), ("AB", True), ("B", False))
    chain, longer = markov.chain_of(ways), markov.chain_of(twice)
    weighted = markov.removal_effects(chain, markov.move_counts(chain, np.array([2.0, 1.0])))
    assert weighted.tolist() == pytest.approx(markov.removal_effects(longer, markov.move_counts(longer)).tolist())


def test_ways_that_led_nowhere_count_in_the_chance_to_convert() -> None:
    only = markov.chain_of(ways_of(("A", True)))
    both = markov.chain_of(ways_of(("A", True), ("A", False)))
    assert markov.conversion_chance(only, markov.move_counts(only)) == 1.0
    assert markov.conversion_chance(both, markov.move_counts(both)) == 0.5


def test_where_nobody_bought_there_is_no_credit() -> None:
    chain = markov.chain_of(ways_of(("AB", False)))
    assert markov.removal_effects(chain, markov.move_counts(chain)).tolist() == [0, 0, 0]
    assert markov.shares_of(np.zeros(3)).tolist() == [0, 0, 0]


def test_many_places_are_numbered_by_sorting_and_too_many_are_refused() -> None:
    letters = "".join(chr(number) for number in range(200, 700))
    ways = ways_of((letters[:3], True), (letters[-2:], False), places=letters)
    chain = markov.chain_of(ways, 2)
    assert markov.removal_effects(chain, markov.move_counts(chain))[:3].tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="too many for a chain of order 3"):
        markov.chain_of(ways_of(("a", True), places="a" + "b" * 200_000), 3)
    with pytest.raises(ValueError, match="must be 1 to 3, but is 4"):
        markov.chain_of(ways, 4)
