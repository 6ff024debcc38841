"""How sure a share of credit is: a bootstrap of customers, and shares that cannot be told apart.

Customers are drawn, not ways: a customer's journeys resemble one another, and drawing them one by one would make every
interval too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

LEVELS = 2**16


def customer_weights(n_customers: int, draws: int, random: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """How often each customer is drawn, draw by draw: independent Poisson counts of mean 1.

    Poisson counts stand in for drawing n of n with replacement, which they come close to from some dozens of customers
    on; they need no total to be kept, so a draw costs one look-up a customer. Chances are cut to 1/65,536.

    Source
    ------
    Chamandy et al. (2012), Estimating uncertainty for massive data streams.
    """
    chance, total, limits = np.exp(-1.0), 0.0, []
    for count in range(8):
        total += chance
        limits.append(total)
        chance /= count + 1
    table = np.searchsorted(np.asarray(limits[:-1]), (np.arange(LEVELS) + 0.5) / LEVELS).astype(np.float64)
    for _ in range(draws):
        yield table[random.integers(0, LEVELS, n_customers, dtype=np.uint16)]


def sums_by_customer(
    customer: NDArray[np.int32], column: NDArray[np.int32], value: NDArray[np.float64], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """(n_customers, n_columns) what each customer adds to each column; multiplied by weights from the left it sums."""
    return sparse.coo_matrix((value, (customer, column)), shape=shape).tocsr()


def interval(
    draws: NDArray[np.float64], estimate: NDArray[np.float64], *, confidence: float = 0.95
) -> NDArray[np.float64]:
    """(2, n) bounds of each share: percentiles of its draws, widened where needed to hold the estimate itself.

    Parameters
    ----------
    draws : (n_draws, n) the shares of every draw; draws in which nothing was credited (nan) are left out
    estimate : (n,) the shares themselves
    """
    whole = draws[~np.isnan(draws).any(axis=1)]
    if not len(whole):
        return np.full((2, len(estimate)), np.nan)
    tail = (1 - confidence) / 2
    low, high = np.quantile(whole, [tail, 1 - tail], axis=0)
    return np.stack([np.clip(np.minimum(low, estimate), 0, 1), np.clip(np.maximum(high, estimate), 0, 1)])


def groups(estimate: NDArray[np.float64], low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.int64]:
    """Which shares cannot be told apart: 1 for the leading group, 2 for the next, and so on.

    Shares are taken from the largest down. One belongs to the group of the share that leads it as long as its interval
    reaches the leader's; the first that does not leads the next group. Equal shares keep their order.

    Returns
    -------
    (n,) group numbers; where bounds are nan there is no telling, and all are in group 1
    """
    order = np.argsort(-estimate, kind="stable")
    number, leader, group = 0, np.inf, np.zeros(len(estimate), dtype=np.int64)
    for each in order:
        if number == 0 or high[each] < leader:
            number, leader = number + 1, low[each]
        group[each] = number
    return group
