"""Shapley values: against all orders of arrival, worked out one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from small_ways import ways_of

from journey_analytics.credit import markov, shapley

PLACES = "ABCD"
TAKEN = [
    ("ABD", True), ("ACD", True), ("AAB", False), ("B", True), ("CD", False), ("D", False), ("BCA", True),
    ("CB", False),
]  # fmt: skip


def value_of(there: tuple[int, ...]) -> float:
    """The chance to convert when whoever comes to any other place is lost: everybody else is removed, one at a time."""
    chain = markov.chain_of(ways_of(*TAKEN, places=PLACES))
    counts = markov.move_counts(chain)
    absent = [place for place in range(len(PLACES)) if place not in there]
    leaving = np.bincount(chain.state, weights=counts, minlength=chain.n_states)[chain.state]
    lost = np.isin(chain.place_of_state[chain.state], absent)
    chance = np.where(lost, 0.0, counts / leaving)
    onward = np.zeros((chain.n_states, chain.n_states))
    going = chain.target >= 0
    onward[chain.state[going], chain.target[going]] = chance[going]
    at_once = np.zeros(chain.n_states)
    at_once[chain.state[chain.target == -1]] = chance[chain.target == -1]
    return float(np.linalg.solve(np.eye(chain.n_states) - onward, at_once)[0])


def exact() -> np.ndarray:
    added = np.zeros(len(PLACES))
    orders = list(itertools.permutations(range(len(PLACES))))
    for order in orders:
        for count, place in enumerate(order):
            added[place] += value_of(order[: count + 1]) - value_of(order[:count])
    return added / len(orders)


def test_sampled_values_lie_within_their_errors_of_the_exact_ones() -> None:
    chain = markov.chain_of(ways_of(*TAKEN, places=PLACES))
    counts = markov.move_counts(chain)
    wanted = exact()
    found, error = shapley.shapley_values(chain, counts, pairs=400, random=np.random.default_rng(1))
    assert (np.abs(found - wanted) <= 4 * error + 1e-12).all()
    assert error.max() < 0.02
    assert found.sum() == pytest.approx(markov.conversion_chance(chain, counts))
    assert wanted.sum() == pytest.approx(found.sum())


def test_four_times_the_orders_halve_the_error() -> None:
    chain = markov.chain_of(ways_of(*TAKEN, places=PLACES))
    counts = markov.move_counts(chain)
    few = shapley.shapley_values(chain, counts, pairs=200, random=np.random.default_rng(2))[1]
    many = shapley.shapley_values(chain, counts, pairs=3_200, random=np.random.default_rng(3))[1]
    assert (many / few).tolist() == pytest.approx([0.25] * 4, rel=0.3)


def test_a_place_without_touches_adds_nothing() -> None:
    chain = markov.chain_of(ways_of(*TAKEN, places=PLACES + "E"))
    found, error = shapley.shapley_values(chain, markov.move_counts(chain), pairs=10, random=np.random.default_rng(4))
    assert (found[4], error[4]) == (0.0, 0.0)


def test_a_longer_memory_and_a_single_pair_are_refused() -> None:
    longer = markov.chain_of(ways_of(*TAKEN, places=PLACES), 2)
    with pytest.raises(ValueError, match="chain of order 1"):
        shapley.shapley_values(longer, markov.move_counts(longer), pairs=10, random=np.random.default_rng(5))
    chain = markov.chain_of(ways_of(*TAKEN, places=PLACES))
    with pytest.raises(ValueError, match="at least 2 pairs"):
        shapley.shapley_values(chain, markov.move_counts(chain), pairs=1, random=np.random.default_rng(5))
