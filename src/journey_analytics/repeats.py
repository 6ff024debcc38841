"""Who buys again, and when: `marts.repeat_purchases`, with customers who still may counted as such."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from journey_analytics.survival import share_arrived
from journey_analytics.warehouse import Warehouse

TABLE = "marts.repeat_purchases"
READS = frozenset({"journeys.touches"})
MEANING = (
    "One row per day since a customer's first purchase, up to a year: how many have bought again by its end. Customers "
    "who may still buy again count as being at risk for as long as they have been watched (Kaplan-Meier)."
)
COLUMNS: Mapping[str, str] = {
    "day_number": "Whole days since the first purchase; day 1 ends 24 hours after it",
    "n_customers": "Customers who ever bought",
    "n_at_risk": "Those who were still watched at the end of that day, and had not bought again before it",
    "n_bought_again": "Those seen to have bought a second time by the end of that day",
    "bought_again_share": "Kaplan-Meier share that buys a second time by the end of that day (0..1)",
    "bought_again_low": "Lower 95 % bound of bought_again_share (Greenwood, log-log)",
    "bought_again_high": "Upper 95 % bound of bought_again_share",
}
DAYS, DAY = 365, 86_400.0

_FIRST_TWO = """
    with numbered as (
        select customer_id, touched_at,
            row_number() over (partition by customer_id order by touched_at, touch_id) as purchase_number
        from journeys.touches where is_conversion),
    first_two as (
        select customer_id, min(touched_at) as first_at,
            max(case when purchase_number = 2 then touched_at end) as second_at
        from numbered where purchase_number <= 2 group by customer_id)
    select date_diff('microsecond', first_at, coalesce(second_at, getvariable('as_of'))) / 1e6 as watched_seconds,
        second_at is not null as is_again
    from first_two order by watched_seconds, is_again
"""


def build(warehouse: Warehouse) -> None:
    """Build `marts.repeat_purchases` from the conversions of `journeys.touches`, up to the longest time watched."""
    warehouse.execute(
        f"create or replace table {TABLE} (day_number bigint, n_customers bigint, n_at_risk bigint, "
        "n_bought_again bigint, bought_again_share double, bought_again_low double, bought_again_high double)"
    )
    frame = warehouse.frame(_FIRST_TWO)
    watched, is_again = frame["watched_seconds"].to_numpy(np.float64), frame["is_again"].to_numpy(bool)
    days = np.arange(1, min(DAYS, int(watched.max() // DAY) if len(watched) else 0) + 1)
    found = share_arrived(watched, is_again, days * DAY)
    warehouse.append(TABLE, [
        {"day_number": int(day), "n_customers": len(watched), "n_at_risk": int(found.n_at_risk[place]),
         "n_bought_again": int(found.n_arrived[place]), "bought_again_share": _number(found.share[place]),
         "bought_again_low": _number(found.low[place]), "bought_again_high": _number(found.high[place])}
        for place, day in enumerate(days)
    ])  # fmt: skip


def _number(value: float) -> float | None:
    """A share to twelve digits; None where there is none."""
    return None if np.isnan(value) else float(f"{value:.12g}")
