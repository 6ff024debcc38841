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


def test_a_handful_of_good_days_is_not_called_a_recovery(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 359, "n_progressed": 79}, target_progressed=0.51)
    days(house, (35, 10, 2), (9, 1, 1))
    assert "recovered" not in (only(house)["caveat"] or "")


def test_a_handful_of_bad_days_is_not_called_the_worst_week(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 429, "n_progressed": 200}, target_progressed=0.6)
    days(house, (42, 10, 5), (14, 1, 0))
    assert only(house)["caveat"] is None


def test_days_before_the_judged_period_are_left_out_but_for_the_stage_s_own_window(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 570, "n_progressed": 200}, target_progressed=0.51)
    days(house, (1, 99, 0), (1, 40, 0), (56, 10, 4))
    plain = only(house)["caveat"].replace("\u202f", " ").replace("\u00a0", " ")
    assert plain == "Lowest in the week of 7 Sep 2026: 24 % of 100."


def test_scores_are_counted_by_the_day_of_the_answer(house: Warehouse) -> None:
    touchpoint(house, {"n_csat": 560, "n_satisfied": 200}, target_csat=0.51)
    days(house, (2, 60, 0), (56, 10, 4), kpi="csat")
    assert only(house)["caveat"] is None


def test_a_long_calendar_is_cut_and_says_how_much_is_left(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, target_progressed=0.51)
    for day in range(1, 6):
        entry = {"event_on": f"2026-10-0{day}", "kind": "release", "name": f"5.{day}", "touches": ["payment"]}
        house.append("rules.calendar", [entry])
    plain = only(house)["caveat"].replace("\u00a0", " ")
    assert plain.endswith("release 5.3 on 3 Oct 2026 and 2 more entries of the calendar.")


def test_what_coincides_is_said_of_shortfalls_alone(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 390}, target_progressed=0.51)
    house.append(
        "rules.calendar", [{"event_on": "2026-10-01", "kind": "release", "name": "5.1", "touches": ["payment"]}]
    )
    assert "Coincides" not in only(house)["caveat"]
