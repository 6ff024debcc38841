"""`marts.credit`: every method's shares side by side, from the touches of closed journeys."""

from __future__ import annotations

from typing import Any

import pytest

from journey_analytics import warehouse
from journey_analytics.credit import table
from journey_analytics.credit.rules import RULES
from journey_analytics.facts.journeymap import CreditRule
from journey_analytics.warehouse import Warehouse

METHODS = {*RULES, "markov", "shapley"}
RULE = CreditRule(draws=60, orders=20)


def shop(ways: list[tuple[str, str, bool]], campaigns: dict[str, str] | None = None) -> Warehouse:
    """A shop of these (customer, way, did it convert), a journey each; every purchase brings in 1,000."""
    made = warehouse.in_memory()
    made.execute("create schema journeys")
    made.execute("create schema marts")
    made.execute("set variable shop_currency = 'EUR'")
    made.execute("""create table journeys.credit_touches (journey_id varchar, customer_id varchar, touch_number bigint,
        touchpoint varchar, channel varchar, campaign varchar, seconds_before_end bigint, is_converted boolean,
        revenue_minor bigint)""")
    made.append("journeys.credit_touches", [
        {"journey_id": f"j{number:04}", "customer_id": customer, "touch_number": place, "touchpoint": point,
         "channel": "web", "campaign": (campaigns or {}).get(point, "(none)"),
         "seconds_before_end": len(way) - place, "is_converted": is_converted,
         "revenue_minor": 1000 if is_converted else 0}
        for number, (customer, way, is_converted) in enumerate(ways) for place, point in enumerate(way, 1)
    ])  # fmt: skip
    return made


WAYS = [(f"c{number}", way, is_converted) for number in range(40) for way, is_converted in (
    (("ABC", True), ("B", False)) if number % 2 else (("AC", True), ("CB", False))
)]  # fmt: skip


def rows(made: Warehouse, rule: CreditRule = RULE) -> list[dict[str, Any]]:
    table.build(made, rule)
    return made.rows("from marts.credit order by method, touchpoint, campaign")


def test_every_method_hands_out_every_purchase_and_its_revenue_once() -> None:
    found = rows(shop(WAYS))
    assert {row["method"] for row in found} == METHODS
    for method in METHODS:
        mine = [row for row in found if row["method"] == method]
        assert sum(row["credit_conversions"] for row in mine) == pytest.approx(40)
        assert sum(row["credit_share"] for row in mine) == pytest.approx(1)
        assert sum(row["credit_revenue_minor"] for row in mine) == pytest.approx(40_000, abs=len(mine))
        assert {row["n_conversions"] for row in mine} == {40}


def test_shares_are_those_that_a_person_works_out() -> None:
    found = {(row["method"], row["touchpoint"]): row for row in rows(shop(WAYS))}
    assert [found["first", point]["credit_share"] for point in "ABC"] == [1, 0, 0]
    assert [found["last", point]["credit_share"] for point in "ABC"] == [0, 0, 1]
    thirds = [(20 / 3 + 10) / 40, (20 / 3) / 40, (20 / 3 + 10) / 40]
    assert [found["linear", point]["credit_share"] for point in "ABC"] == pytest.approx(thirds)
    assert (found["linear", "B"]["n_touches"], found["linear", "B"]["n_journeys"]) == (60, 60)
    assert found["linear", "B"]["n_converted"] == 20


def test_every_share_lies_inside_its_interval_and_in_a_group() -> None:
    for row in rows(shop(WAYS)):
        assert 0 <= row["credit_low"] <= row["credit_share"] <= row["credit_high"] <= 1
        assert 0 <= row["revenue_low"] <= row["revenue_share"] <= row["revenue_high"] <= 1
        assert row["group_number"] >= 1
        assert (row["sampling_error"] is None) == (row["method"] != "shapley")


def test_the_rows_order_does_not_matter_and_a_night_repeated_gives_the_same() -> None:
    made, shuffled = shop(WAYS), shop(WAYS)
    shuffled.execute("create table shuffled as from journeys.credit_touches order by hash(journey_id, touch_number)")
    shuffled.execute("create or replace table journeys.credit_touches as from shuffled")
    assert rows(made) == rows(shuffled) == rows(made)


def test_campaigns_beyond_the_largest_are_put_together() -> None:
    named = {"A": "spring", "B": "summer", "C": "(none)"}
    found = rows(shop(WAYS, named), CreditRule(draws=60, orders=20, campaigns=1))
    assert {(row["touchpoint"], row["campaign"]) for row in found} == {("A", "other"), ("B", "summer"), ("C", "(none)")}


def test_direct_touches_are_taken_out_by_name_of_touchpoint_or_channel() -> None:
    found = rows(shop(WAYS), CreditRule(draws=60, orders=20, direct=("A",), direct_touches="remove"))
    assert {row["touchpoint"] for row in found} == {"B", "C"}
    assert {row["n_conversions"] for row in found} == {40}


def test_one_customer_with_many_purchases_makes_the_interval_wide() -> None:
    others = [(f"c{number}", "B", True) for number in range(30)]
    loyal = shop([("ada", "A", True)] * 30 + others)
    spread = shop([(f"d{number}", "A", True) for number in range(30)] + others)

    def width(made: Warehouse) -> float:
        (row,) = (row for row in rows(made) if (row["method"], row["touchpoint"]) == ("last", "A"))
        return float(row["credit_high"] - row["credit_low"])

    assert width(loyal) > 2 * width(spread)


@pytest.mark.parametrize("ways", [[], [("ada", "AB", False)]], ids=["no journey", "no purchase"])
def test_without_a_purchase_there_is_no_credit_and_no_error(ways: list[tuple[str, str, bool]]) -> None:
    assert rows(shop(ways)) == []
