"""Credit by removal effect: what share of the conversions would the chain lose without this place?

The ways become a Markov chain. A state is the last `order` places of a way; from each state a customer goes on to
another place, to a conversion, or to nothing. Ways that led nowhere count as much as those that converted: without
them every chain would always convert. A place's removal effect is the part of the chain's conversions that is gone
when whoever comes to the place is lost there; credit is shared in proportion. Nothing is simulated: the chances are
solved from the chain's fundamental matrix.

Source: Anderl, Becker, von Wangenheim & Schumann (2016), Mapping the customer journey; Kemeny & Snell (1960) for the
fundamental matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from journey_analytics.credit.ways import Ways

HIGHEST_ORDER = 3
DENSE_STATES = 700


@dataclass(frozen=True)
class Chain:
    """The observed moves of a set of ways, before they are counted.

    state, target : (n_moves,) one row per distinct move, sorted: from which state, to which state; a target of -1 is a
        conversion, -2 is nothing. State 0 is the start
    place_of_state : (n_states,) the place a state has just come to; -1 for the start
    of_touch : (n_touches + n_ways,) which move each touch and each end is, way by way
    length : (n_ways,) how many moves each way is, its end included
    """

    state: NDArray[np.int64]
    target: NDArray[np.int64]
    place_of_state: NDArray[np.int64]
    of_touch: NDArray[np.int32]
    length: NDArray[np.int64]
    n_places: int

    @property
    def n_states(self) -> int:
        """How many states there are, the start included."""
        return len(self.place_of_state)

    def by_move(self, of_way: NDArray[Any]) -> NDArray[Any]:
        """What each way has, once for each of its moves: (n_ways,) to (n_touches + n_ways,)."""
        return np.repeat(of_way, self.length)


def chain_of(ways: Ways, order: int = 1) -> Chain:
    """The moves of the ways, with states of the last `order` places.

    Parameters
    ----------
    order : 1 to 3; a way's first states hold fewer places

    Raises
    ------
    ValueError : the order is not 1, 2 or 3, or there are so many places that states cannot be numbered
    """
    if not 1 <= order <= HIGHEST_ORDER:
        raise ValueError(f"the order of a chain must be 1 to {HIGHEST_ORDER}, but is {order}")
    base = ways.n_places + 3
    if base ** (order + 1) > 2**62:
        raise ValueError(f"{ways.n_places} places are too many for a chain of order {order}")
    moves = _numbered_moves(ways, order, base)
    distinct, of_touch = _distinct(moves, base ** (order + 1))
    code_from, step = np.divmod(distinct, base)
    step_is_end = step > ways.n_places
    code_to = np.where(step_is_end, 0, (code_from * base) % base**order + step)
    codes = np.unique(np.concatenate(([0], code_from, code_to[~step_is_end])))
    target = np.where(step_is_end, -(step - ways.n_places), np.searchsorted(codes, code_to))
    return Chain(np.searchsorted(codes, code_from), target, codes % base - 1, of_touch, ways.length + 1, ways.n_places)


def _numbered_moves(ways: Ways, order: int, base: int) -> NDArray[Any]:
    """Every move as one number: the last places in base `base` (0 where there is none yet), then the step."""
    kind: Any = np.int32 if base ** (order + 1) < 2**31 else np.int64
    starts = ways.start[:-1] + np.arange(ways.n_ways)
    ends = ways.start[1:] + np.arange(ways.n_ways)
    steps = np.empty(len(ways.place) + ways.n_ways, dtype=kind)
    is_touch = np.ones(len(steps), dtype=bool)
    is_touch[ends] = False
    steps[is_touch] = ways.place + kind(1)
    steps[ends] = np.where(ways.is_converted, ways.n_places + 1, ways.n_places + 2)
    moves: NDArray[Any] = steps
    before = steps
    for back in range(1, order + 1):
        shifted = np.empty_like(steps)
        shifted[1:] = before[:-1]
        shifted[starts] = 0  # nothing comes before a way's first touch
        moves = moves + shifted * kind(base**back)
        before = shifted
    return moves


def _distinct(moves: NDArray[Any], size: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The distinct numbers, sorted, and which of them each is; by counting where the range is small."""
    if size > 5_000_000:
        distinct, inverse = np.unique(moves, return_inverse=True)
        return distinct.astype(np.int64), inverse.astype(np.int32)
    distinct = np.flatnonzero(np.bincount(moves, minlength=size))
    place = np.zeros(size, dtype=np.int32)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[moves]


def move_counts(chain: Chain, weight_of_way: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """(n_moves,) how often each move was made; each way counts by its weight, once where None."""
    weight = None if weight_of_way is None else chain.by_move(weight_of_way)
    return np.bincount(chain.of_touch, weights=weight, minlength=len(chain.state)).astype(np.float64)


def conversion_chance(chain: Chain, counts: NDArray[np.float64]) -> float:
    """The chance that a way which begins at the start converts; 0 where nobody set out."""
    converted, _ = _chances(chain, counts)
    return float(converted[0])


def removal_effects(chain: Chain, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Which part of the conversions is lost when everybody who comes to a place is lost there.

    Parameters
    ----------
    counts : (n_moves,) as `move_counts` returns them; moves that were not made may be 0

    Returns
    -------
    (n_places,) shares in 0..1; all 0 where nothing converts
    """
    if chain.n_states > DENSE_STATES:
        return _effects_sparse(chain, counts)
    converted, onward = _chances(chain, counts)
    effects = np.zeros(chain.n_places)
    if converted[0] <= 0:
        return effects
    visits = np.linalg.inv(np.eye(chain.n_states) - onward)  # the fundamental matrix
    for place in np.unique(chain.place_of_state[1:]):
        at = np.flatnonzero(chain.place_of_state == place)
        # The chance to come first to each of the place's states, and from there to a conversion: that part is lost.
        first_there = np.linalg.solve(visits[np.ix_(at, at)].T, visits[0, at])
        effects[place] = first_there @ converted[at] / converted[0]
    return np.asarray(np.clip(effects, 0.0, 1.0))


def shares_of(effects: NDArray[np.float64]) -> NDArray[np.float64]:
    """(…, n_places) removal effects as shares of all credit; all 0 where there is none to give."""
    total = effects.sum(axis=-1, keepdims=True)
    return np.asarray(np.divide(effects, total, out=np.zeros_like(effects), where=total > 0))


def _probabilities(chain: Chain, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    leaving = np.bincount(chain.state, weights=counts, minlength=chain.n_states)[chain.state]
    return np.divide(counts, leaving, out=np.zeros_like(counts), where=leaving > 0)


def _chances(chain: Chain, counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n_states,) chance of a conversion from each state, and the (n_states, n_states) chances to go on."""
    chance = _probabilities(chain, counts)
    going = chain.target >= 0
    onward = np.zeros((chain.n_states, chain.n_states))
    onward[chain.state[going], chain.target[going]] = chance[going]
    at_once = np.zeros(chain.n_states)
    buys = chain.target == -1
    at_once[chain.state[buys]] = chance[buys]
    return np.asarray(np.linalg.solve(np.eye(chain.n_states) - onward, at_once), dtype=np.float64), onward


def _effects_sparse(chain: Chain, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same for many states: one sparse solution for the whole chain, and one for every place without it."""
    chance = _probabilities(chain, counts)
    size, going, buys = chain.n_states, chain.target >= 0, chain.target == -1

    def chance_from_start(lost: int | None) -> float:
        stays = np.ones(size) if lost is None else (chain.place_of_state != lost).astype(float)
        onward = sparse.coo_matrix(
            (chance[going] * stays[chain.state[going]], (chain.state[going], chain.target[going])), (size, size)
        )
        at_once = np.zeros(size)
        at_once[chain.state[buys]] = chance[buys]
        return float(splu((sparse.eye(size) - onward).tocsc()).solve(at_once * stays)[0])

    whole, effects = chance_from_start(None), np.zeros(chain.n_places)
    if whole > 0:
        for place in np.unique(chain.place_of_state[1:]):
            effects[place] = 1.0 - chance_from_start(int(place)) / whole
    return np.clip(effects, 0.0, 1.0)
