"""What is said beside a finding: how its last days went, its worst week, and what the calendar holds."""

from __future__ import annotations

import pytest
from small_shop import days, empty_house, only, touchpoint

from journey_analytics.warehouse import Warehouse


@pytest.fixture
def house() -> Warehouse:
    return empty_house()


def test_days_that_went_well_again_are_called_recovered(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 420, "n_progressed": 130}, target_progressed=0.51)
    days(house, (35, 10, 2), (7, 10, 7))
    row = only(house)
    assert row["status"] == "open"
    plain = row["caveat"].replace("\u202f", " ").replace("\u00a0", " ")
    assert plain.startswith("The last 7 matured days (27 Oct to 2 Nov 2026) look recovered: 70 % of 70 (58 % to 79 %).")


def test_days_that_are_better_but_still_short_are_not_called_recovered(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 4200, "n_progressed": 700 + 250}, target_progressed=0.51)
    days(house, (35, 100, 20), (7, 100, 36))
    assert "look better, but are still below the target" in only(house)["caveat"]


def test_days_like_the_others_are_not_mentioned(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 420, "n_progressed": 126}, target_progressed=0.51)
    days(house, (42, 10, 3))
    assert only(house)["caveat"] is None


def test_the_worst_week_is_named_when_it_lies_below_the_rest(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 560, "n_progressed": 196}, target_progressed=0.51)
    days(house, (28, 10, 4), (7, 10, 1), (21, 10, 4))
    plain = only(house)["caveat"].replace("\u202f", " ").replace("\u00a0", " ")
    assert plain == "Lowest in the week of 5 Oct 2026: 14 % of 70."


def test_calendar_entries_of_the_period_that_touch_it_are_said_to_coincide(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, target_progressed=0.51)
    for on, until, name, touches in (
        ("2026-09-24", None, "5.12", ["payment", "cart"]),
        ("2026-10-01", "2026-10-03", "Autumn", ["payment"]),
        ("2026-10-05", None, "elsewhere", ["cart"]),
        ("2026-07-01", None, "long ago", ["payment"]),
        ("2026-11-03", None, "later", ["payment"]),
    ):
        house.append(
            "rules.calendar", [{"event_on": on, "until_on": until, "kind": "release", "name": name, "touches": touches}]
        )
    plain = only(house)["caveat"].replace("\u00a0", " ")
    said = "Coincides with release 5.12 on 24 Sep 2026 and release Autumn from 1 Oct 2026 to 3 Oct 2026."
    assert plain == said


def test_a_shop_without_a_judged_period_is_judged_over_all_history(house: Warehouse) -> None:
    house.execute("update rules.settings set value = null where name = 'judged_days'")
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, target_progressed=0.5)
    house.append(
        "rules.calendar", [{"event_on": "2020-01-01", "kind": "release", "name": "1.0", "touches": ["payment"]}]
    )
    assert "release 1.0" in only(house)["caveat"]
