"""Credit by average contribution: what a place adds to the chain's conversions, whoever else is there already.

The value of a set of places is the chance that the chain converts when whoever comes to any other place is lost there.
A place's Shapley value is what it adds to that, averaged over all orders in which the places may arrive. Orders are
drawn, each with its reverse, so every value comes with its standard error; only the chain of order 1 is used.

Source: Shapley (1953); Castro, Gómez & Tejada (2009) for sampling; Mitchell et al. (2022) for antithetic orders.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from journey_analytics.credit.markov import Chain

BATCH = 2_000


def shapley_values(
    chain: Chain, counts: NDArray[np.float64], *, pairs: int, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sampled Shapley values of the places, in units of the chain's chance to convert.

    Parameters
    ----------
    chain : of order 1
    counts : (n_moves,) as `markov.move_counts` returns them
    pairs : how many orders are drawn, each with its reverse; at least 2, or there is no error to speak of
    random : where the orders come from

    Returns
    -------
    (value, error) : two (n_places,) arrays; the values sum to the chain's chance to convert, an error is the standard
        error of its value from sampling alone

    Raises
    ------
    ValueError : the chain is of a higher order, or there are fewer than 2 pairs
    """
    n = chain.n_places
    if chain.n_states > n + 1:
        raise ValueError("Shapley values are worked out on a chain of order 1")
    if pairs < 2:
        raise ValueError(f"at least 2 pairs of orders are needed, but {pairs} were asked for")
    onward, at_once, begin = _matrices(chain, counts)
    orders = np.argsort(random.random((pairs, n)), axis=1)
    added = np.zeros((pairs, n))
    for drawn in (orders, orders[:, ::-1]):
        reached = _values_along(drawn, onward, at_once, begin)
        gains = np.diff(reached, axis=1)
        added[np.arange(pairs)[:, None], drawn] += gains / 2
    return added.mean(axis=0), added.std(axis=0, ddof=1) / np.sqrt(pairs)


def _matrices(
    chain: Chain, counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Chances to go on (n, n), to convert at once (n,), and to begin (n,), by place."""
    leaving = np.bincount(chain.state, weights=counts, minlength=chain.n_states)[chain.state]
    chance = np.divide(counts, leaving, out=np.zeros_like(counts), where=leaving > 0)
    n, place = chain.n_places, chain.place_of_state
    onward, at_once, begin = np.zeros((n, n)), np.zeros(n), np.zeros(n)
    going, inside = chain.target >= 0, chain.state > 0
    move = going & inside
    onward[place[chain.state[move]], place[chain.target[move]]] = chance[move]
    buys = (chain.target == -1) & inside
    at_once[place[chain.state[buys]]] = chance[buys]
    first = going & ~inside
    begin[place[chain.target[first]]] = chance[first]
    return onward, at_once, begin


def _values_along(
    orders: NDArray[np.int64], onward: NDArray[np.float64], at_once: NDArray[np.float64], begin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(pairs, n + 1) the chance to convert with the first 0, 1, … n places of each order there.

    Places arrive one by one, so each solution follows from the one before by bordering: with N the fundamental matrix
    of those there, the newcomer's row and column extend it by one rank-one step. One step costs n² instead of n³.
    """
    pairs, n = orders.shape
    values = np.zeros((pairs, n + 1))
    for start in range(0, pairs, BATCH):
        drawn = orders[start : start + BATCH]
        rows, each = len(drawn), np.arange(len(drawn))
        visits = np.zeros((rows, n, n))  # the fundamental matrix of those there, zero elsewhere
        for count in range(n):
            new = drawn[:, count]
            into, out = onward[:, new].T, onward[new]  # (rows, n): chances into the newcomer, and out of it
            left = np.einsum("rij,rj->ri", visits, into)  # from each place there, how often the newcomer is come to
            right = np.einsum("ri,rij->rj", out, visits)  # from the newcomer, how often each place there is visited
            again = onward[new, new] + np.einsum("ri,ri->r", right, into)
            scale = 1.0 / (1.0 - again)
            left[each, new] = 1.0
            right[each, new] = 1.0
            visits += scale[:, None, None] * left[:, :, None] * right[:, None, :]
            values[start : start + rows, count + 1] = np.einsum("i,rij,j->r", begin, visits, at_once, optimize=True)
    return values
