"""All ways of giving credit as rows of `marts.credit`, each share with its interval.

The touches come from `journeys.credit_touches`; what is cut, cleaned and called direct stands under `credit:` in
journey.yml. The same touches give the same bytes: draws have a fixed seed, and everything is counted in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey_analytics.credit import markov, resampling, rules, shapley
from journey_analytics.credit.ways import Ways, cleaned
from journey_analytics.facts.journeymap import CreditRule
from journey_analytics.warehouse import Warehouse

TABLE = "marts.credit"
READ = "journeys.credit_touches"
READS = frozenset({READ})
HEADER = (
    "Credit for purchases of the judged period: one row per (method, touchpoint, channel, campaign) with touches on "
    "some closed journey. Credit describes the ways that were taken; it is no effect: it does not say what would have "
    "happened without the place. Shares that cannot be told apart have the same group_number."
)
COLUMNS: Mapping[str, str] = {
    "method": "first, last, last_non_direct, linear, position, time_decay, markov or shapley",
    "touchpoint": "Where credit was earned",
    "channel": "The touchpoint's channel",
    "campaign": "The campaign; 'other' is all beyond the largest, '(none)' is none",
    "n_touches": "Touches there that were credited, after look-back and clean-up",
    "n_journeys": "Closed journeys with such a touch",
    "n_converted": "Those of them that converted",
    "n_conversions": "All conversions that were credited, to whomever: the denominator of credit_share",
    "credit_conversions": "Conversions credited here; over one method they sum to n_conversions",
    "credit_share": "credit_conversions / n_conversions",
    "credit_low": "Lower 95 % bound of credit_share (bootstrap of customers)",
    "credit_high": "Upper 95 % bound of credit_share (bootstrap of customers)",
    "credit_revenue_minor": "Revenue less refunds credited here, in minor units of currency",
    "revenue_share": "credit_revenue_minor as a share of all that the method credits",
    "revenue_low": "Lower 95 % bound of revenue_share (bootstrap of customers)",
    "revenue_high": "Upper 95 % bound of revenue_share (bootstrap of customers)",
    "currency": "The shop's currency",
    "group_number": "1 for the leading shares and those that cannot be told from them, 2 for the next, and so on",
    "sampling_error": "Standard error of credit_share from sampling alone; only Shapley values are sampled",
}
TYPES = (
    "method varchar, touchpoint varchar, channel varchar, campaign varchar, n_touches bigint, n_journeys bigint, "
    "n_converted bigint, n_conversions bigint, credit_conversions double, credit_share double, credit_low double, "
    "credit_high double, credit_revenue_minor bigint, revenue_share double, revenue_low double, revenue_high double, "
    "currency varchar, group_number bigint, sampling_error double"
)
SEED = 20_261_103
PAIRS_PER_DRAW = 16


@dataclass(frozen=True)
class Place:
    """Where credit is earned."""

    touchpoint: str
    channel: str
    campaign: str


@dataclass(frozen=True)
class Shares:
    """What one method gives every place: shares of conversions and of revenue, and the same of every draw."""

    method: str
    conversions: NDArray[np.float64]
    revenue: NDArray[np.float64]
    conversion_draws: NDArray[np.float64]
    revenue_draws: NDArray[np.float64]
    sampling_error: NDArray[np.float64] | None = None


def build(warehouse: Warehouse, rule: CreditRule) -> None:
    """Build `marts.credit` from `journeys.credit_touches`."""
    places, ways = read_ways(warehouse, rule)
    is_direct = np.array([bool({place.touchpoint, place.channel} & set(rule.direct)) for place in places], dtype=bool)
    ways = cleaned(
        ways, look_back_seconds=rule.look_back, clean_up=rule.clean_up, direct=rule.direct_touches, is_direct=is_direct
    )
    warehouse.execute(f"create or replace table {TABLE} ({TYPES})")
    currency = warehouse.scalar("select getvariable('shop_currency')")
    warehouse.append(TABLE, [{**row, "currency": currency} for row in _rows(places, ways, is_direct, rule)])


def read_ways(warehouse: Warehouse, rule: CreditRule) -> tuple[list[Place], Ways]:
    """The places with their names, and the ways of all closed journeys, in the order of customer and journey.

    Campaigns beyond the rule's number are put together as 'other', so that a thousand newsletters do not become a
    thousand places with a touch each.

    The table is written in the order of customer, journey and touch, and read in one pass that only ever looks one row
    back. The same pass counts the rows that are out of order; where there are any, the table is sorted first.
    """
    warehouse.execute(_PLACES, [rule.campaigns])
    places = warehouse.rows("select distinct touchpoint, channel, campaign, place from credit_places order by place")
    touches = warehouse.frame(_touches_of(READ))
    if touches["is_out_of_order"].any():
        in_order = f"(from {READ} order by customer_id, journey_id, touch_number)"
        touches = warehouse.frame(_touches_of(in_order))
    warehouse.execute("drop table credit_places")
    touches = touches if touches["number"].is_monotonic_increasing else touches.sort_values("number")
    start = np.flatnonzero(touches["is_new_journey"].to_numpy(bool))
    read = Ways(
        touches["place"].to_numpy(np.int32), touches["seconds_before_end"].to_numpy(np.float64),
        np.append(start, len(touches)).astype(np.int64), touches["is_converted"].to_numpy(bool)[start],
        touches["revenue_minor"].to_numpy(np.int64)[start],
        (np.cumsum(touches["is_new_customer"].to_numpy(bool)[start]) - 1).astype(np.int32), len(places),
    )  # fmt: skip
    return [Place(row["touchpoint"], row["channel"], row["campaign"]) for row in places], read


def _touches_of(source: str) -> str:
    """Every touch with its place, whether its customer and journey are new, and whether it is out of order."""
    return f"""
        with beside as (
            select *, row_number() over () as number, lag(customer_id) over () as customer_before,
                lag(journey_id) over () as journey_before, lag(touch_number) over () as touch_before
            from {source})
        select number, place, seconds_before_end, is_converted, revenue_minor,
            customer_before is distinct from customer_id as is_new_customer,
            customer_before is distinct from customer_id or journey_before <> journey_id as is_new_journey,
            coalesce(customer_before > customer_id or customer_before = customer_id and (
                journey_before > journey_id or journey_before = journey_id and touch_before >= touch_number
            ), false) as is_out_of_order
        from beside
        join credit_places
            on beside.touchpoint = credit_places.touchpoint and beside.channel = credit_places.channel
            and beside.campaign = credit_places.told
    """


_PLACES = """
    create or replace temp table credit_places as
    with counted as (
        select touchpoint, channel, campaign, count(*) as n_touches
        from journeys.credit_touches group by touchpoint, channel, campaign),
    campaigns as (
        select campaign, row_number() over (order by sum(n_touches) desc, campaign) <= $1 as is_shown
        from counted where campaign <> '(none)' group by campaign),
    shown as (
        select touchpoint, channel, campaign as told,
            case when campaign = '(none)' or coalesce(is_shown, false) then campaign else 'other' end as campaign
        from counted left join campaigns using (campaign))
    select *, cast(dense_rank() over (order by touchpoint, channel, campaign) - 1 as integer) as place from shown
"""


def all_shares(ways: Ways, is_direct: NDArray[np.bool_], rule: CreditRule) -> Iterator[Shares]:
    """Every method's shares with its draws, in the order of the methods.

    Parameters
    ----------
    ways : cut and cleaned
    is_direct : (n_places,) which places are direct
    """
    n_customers = int(ways.customer.max()) + 1 if ways.n_ways else 0
    random = np.random.default_rng(SEED)
    weights = np.stack(list(resampling.customer_weights(n_customers, rule.draws, random)))
    credited = ways.is_converted & (ways.length > 0)
    for name in rules.RULES:
        part = rules.weights(
            ways, name, is_direct=is_direct, position=rule.position, half_life_seconds=rule.half_life
        )  # fmt: skip
        value = [part * of[ways.way] for of in (credited.astype(float), np.where(credited, ways.revenue_minor, 0.0))]
        yield Shares(name, *_ruled(ways, value, weights))
    yield _by_chain(ways, rule, weights)
    yield _by_shapley(ways, rule, weights, random)


def _ruled(
    ways: Ways, value: list[NDArray[np.float64]], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...]:
    """(conversions, revenue, their draws) of a method whose credit is a sum over customers."""
    shape = (weights.shape[1], ways.n_places)
    estimates, draws = [], []
    for each in value:
        sums = resampling.sums_by_customer(ways.customer[ways.way], ways.place, each, shape)
        estimates.append(markov.shares_of(np.asarray(sums.sum(axis=0), dtype=np.float64).ravel()))
        draws.append(_shares_or_nothing(weights @ sums))
    return (*estimates, *draws)


def _by_chain(ways: Ways, rule: CreditRule, weights: NDArray[np.float64]) -> Shares:
    chain = markov.chain_of(ways, rule.markov_order)
    shares = markov.shares_of(markov.removal_effects(chain, markov.move_counts(chain)))
    draws = _shares_or_nothing(
        np.stack([markov.removal_effects(chain, counts) for counts in _drawn_moves(ways, chain, weights)])
    )
    return Shares("markov", shares, shares, draws, draws)


def _by_shapley(ways: Ways, rule: CreditRule, weights: NDArray[np.float64], random: np.random.Generator) -> Shares:
    """Shapley shares; their draws hold both doubts: which customers there were, and which orders were drawn.

    Every draw of customers sees the same few orders, so that what differs between draws is the customers alone; the
    error of sampling is added to each draw as noise of its own size.
    """
    chain = markov.chain_of(ways)
    counts = markov.move_counts(chain)
    values, errors = shapley.shapley_values(chain, counts, pairs=rule.orders, random=random)
    total = values.sum()

    def with_few_orders(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        same = np.random.default_rng(SEED)
        return shapley.shapley_values(chain, drawn, pairs=PAIRS_PER_DRAW, random=same)[0]

    few = markov.shares_of(with_few_orders(counts))
    draws = _shares_or_nothing(np.stack([with_few_orders(drawn) for drawn in _drawn_moves(ways, chain, weights)]))
    shares, error = markov.shares_of(values), errors / total if total > 0 else np.zeros_like(errors)
    draws = np.clip(draws + (shares - few) + error * random.standard_normal(draws.shape), 0.0, 1.0)
    return Shares("shapley", shares, shares, draws, draws, error)


def _drawn_moves(ways: Ways, chain: markov.Chain, weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_draws, n_moves) how often each move was made in each draw of customers."""
    customer = chain.by_move(ways.customer)
    shape = (weights.shape[1], len(chain.state))
    moves = resampling.sums_by_customer(customer, chain.of_touch, np.ones(len(customer)), shape)
    return np.asarray(weights @ moves)


def _shares_or_nothing(credit: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_draws, n) credit as shares; nan throughout a draw that has none to give."""
    shares = markov.shares_of(np.asarray(credit, dtype=np.float64))
    return np.where(shares.sum(axis=1, keepdims=True) > 0, shares, np.nan)


def _rows(places: list[Place], ways: Ways, is_direct: NDArray[np.bool_], rule: CreditRule) -> Iterator[dict[str, Any]]:
    credited = ways.is_converted & (ways.length > 0)
    n_conversions, revenue = int(credited.sum()), int(ways.revenue_minor[credited].sum())
    seen = np.unique(ways.way * max(ways.n_places, 1) + ways.place)
    at, on = seen % max(ways.n_places, 1), seen // max(ways.n_places, 1)
    n_touches = np.bincount(ways.place, minlength=ways.n_places)
    n_journeys = np.bincount(at, minlength=ways.n_places)
    n_converted = np.bincount(at[credited[on]], minlength=ways.n_places)
    if not n_conversions:
        return
    for shares in all_shares(ways, is_direct, rule):
        low, high = resampling.interval(shares.conversion_draws, shares.conversions)
        revenue_low, revenue_high = resampling.interval(shares.revenue_draws, shares.revenue)
        group = resampling.groups(shares.conversions, low, high)
        for number, place in enumerate(places):
            if n_touches[number]:
                yield {
                    "method": shares.method, "touchpoint": place.touchpoint, "channel": place.channel,
                    "campaign": place.campaign, "n_touches": int(n_touches[number]),
                    "n_journeys": int(n_journeys[number]), "n_converted": int(n_converted[number]),
                    "n_conversions": n_conversions,
                    "credit_conversions": _number(shares.conversions[number] * n_conversions),
                    "credit_share": _number(shares.conversions[number]), "credit_low": _number(low[number]),
                    "credit_high": _number(high[number]),
                    "credit_revenue_minor": round(float(shares.revenue[number]) * revenue),
                    "revenue_share": _number(shares.revenue[number]), "revenue_low": _number(revenue_low[number]),
                    "revenue_high": _number(revenue_high[number]), "group_number": int(group[number]),
                    "sampling_error": None if shares.sampling_error is None else _number(shares.sampling_error[number]),
                }  # fmt: skip


def _number(value: float) -> float | None:
    """A number to twelve digits, so that the order of additions on another machine does not show; None for nan."""
    return None if np.isnan(value) else float(f"{value:.12g}")
