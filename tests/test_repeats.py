"""Repeat purchases: the second purchase of those who bought, whoever still may buy again included."""

from __future__ import annotations

import datetime

from journey_analytics import repeats, warehouse
from journey_analytics.warehouse import Warehouse


def shop(*purchases: tuple[str, int]) -> Warehouse:
    """A shop of (customer, day) purchases, seen from day 10."""
    made = warehouse.in_memory()
    made.execute("create schema journeys; create schema marts; set variable as_of = timestamp '2026-03-11'")
    columns = "touch_id varchar, customer_id varchar, touched_at timestamp, is_conversion boolean"
    made.execute(f"create table journeys.touches ({columns})")
    made.append("journeys.touches", [
        {"touch_id": f"t{number}", "customer_id": who, "is_conversion": True,
         "touched_at": datetime.datetime(2026, 3, 1) + datetime.timedelta(days=day)}
        for number, (who, day) in enumerate(purchases)
    ])  # fmt: skip
    made.execute("insert into journeys.touches values ('v', 'zoe', timestamp '2026-03-02', false)")
    return made


def test_a_second_purchase_counts_once_and_a_third_not_at_all() -> None:
    made = shop(("ada", 0), ("ada", 2), ("ada", 3), ("bob", 0), ("cleo", 7))
    repeats.build(made)
    rows = made.rows("from marts.repeat_purchases order by day_number")
    assert [row["day_number"] for row in rows] == list(range(1, 11))
    assert {row["n_customers"] for row in rows} == {3}
    assert [row["n_bought_again"] for row in rows][:3] == [0, 1, 1]
    assert [row["n_at_risk"] for row in rows][:4] == [3, 3, 2, 1]
    assert [row["bought_again_share"] for row in rows][1:] == [float("0.333333333333")] * 9


def test_a_shop_without_purchases_has_no_rows() -> None:
    made = shop()
    repeats.build(made)
    assert made.rows("from marts.repeat_purchases") == []


def test_the_bounds_hold_the_share() -> None:
    made = shop(*((f"c{number}", day) for number in range(30) for day in ((0, number % 9 + 1) if number % 3 else (0,))))
    repeats.build(made)
    for row in made.rows("from marts.repeat_purchases"):
        assert row["bought_again_low"] <= row["bought_again_share"] <= row["bought_again_high"]
