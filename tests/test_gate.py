"""The data gate: what rests on a feed that is not fit to be judged by neither opens nor closes; the rest is judged."""

from __future__ import annotations

from typing import Any

import made_up_shop
import pytest
import shops
from small_shop import empty_house, promise, recovery, touchpoint

from journey_analytics.claims import gate
from journey_analytics.claims.findings import find
from journey_analytics.warehouse import Warehouse

SHORT = {"n_matured": 400, "n_progressed": 100, "n_csat": 400, "n_satisfied": 100}


@pytest.fixture
def house() -> Warehouse:
    """Web brings the till and the home page, mail the newsletter of an earlier stage, surveys the answers."""
    house = empty_house()
    house.execute("""
        insert into rules.stages values ('awareness', 1, 86400);
        insert into rules.event_rules values ('touchpoint', 'till', null),
            ('promise_to', 'two_day_delivery', 'parcels'), ('recovery_after', 'abandoned_cart', 'mail');
        insert into journeys.shapes values (1, 'web'), (2, 'mail');
        insert into journeys.shape_rules values (1, 'touchpoint', 'till'), (1, 'touchpoint', 'home'),
            (2, 'touchpoint', 'news'), (1, 'conversion', 'conversion');
        insert into journeys.event_shapes values ('awareness', 'web', 90), ('awareness', 'mail', 900),
            ('purchase', 'web', 950), ('purchase', 'mail', 50), ('purchase', 'chat', 150);
        insert into journeys.answers values ('surveys:1', 'till'), ('web:9', 'home');
        insert into ops.feeds values ('web', 'ok', null), ('mail', 'ok', null), ('surveys', 'ok', null);
    """)
    targets = {"target_progressed": 0.5, "target_csat": 0.5}
    touchpoint(house, SHORT, "till", **targets)
    touchpoint(house, SHORT, "home", stage="awareness", **targets)
    touchpoint(house, SHORT, "news", stage="awareness", **targets)
    promise(house, {"by_value": "all", "n_due": 600, "n_kept": 360})
    recovery(house, ("all", 400, 200))
    return house


def frozen(house: Warehouse) -> set[str]:
    return {f"{row['subject']} {row['metric']}" for row in find(house) if row["status"] == "frozen"}


def unfit(house: Warehouse, source: str, status: str = "missing") -> None:
    house.execute(f"delete from ops.feeds where source = '{source}'")
    house.append("ops.feeds", [{"source": source, "status": status, "last_event_at": "2026-10-30 12:00:00"}])


def check(house: Warehouse, source: str, expectation: str, level: str, is_met: bool) -> None:
    said = {"observed": "9 %", "expected": "at most 1 %", "level": level, "is_met": is_met}
    house.append("ops.checks", [{"scope": "feed", "subject": source, "expectation": expectation, **said}])


def test_nothing_is_frozen_while_every_feed_is_fit(house: Warehouse) -> None:
    check(house, "web", "refused_share", "warn", False)
    check(house, "web", "duplicate_share", "freeze", True)
    assert frozen(house) == set()


@pytest.mark.parametrize(
    ("source", "rests_on_it"),
    [
        ("mail", {"news progressed", "news csat", "abandoned_cart met"}),
        ("surveys", {"till csat"}),
        ("parcels", {"two_day_delivery kept"}),
        ("chat", {"home progressed", "news progressed"}),
        ("web", {"till progressed", "till csat", "home progressed", "home csat", "news progressed"}),
    ],
)
def test_a_missing_feed_freezes_what_rests_on_it_and_nothing_else(
    house: Warehouse, source: str, rests_on_it: set[str]
) -> None:
    unfit(house, source)
    assert frozen(house) == rests_on_it


def test_a_frozen_claim_says_why_and_has_neither_rank_nor_next_action(house: Warehouse) -> None:
    unfit(house, "surveys")
    (row,) = [row for row in find(house) if row["status"] == "frozen"]
    assert row["caveat"] == "Frozen, since the feed surveys did not arrive."
    assert (row["rank"], row["next_action"], row["estimate"]) == (None, None, 0.25)


def test_a_check_that_freezes_freezes_and_is_a_finding_about_the_feed(house: Warehouse) -> None:
    check(house, "surveys", "refused_share", "freeze", False)
    rows = {row["subject"]: row for row in find(house) if row["metric"] in ("fit", "csat")}
    assert rows["till"]["status"] == "frozen"
    assert rows["surveys"]["claim"] == "The feed did not meet “refused share” (9 %, expected at most 1 %)"
    assert rows["surveys"]["caveat"] == "What rests on this feed is frozen."


def test_a_late_feed_freezes_unless_it_is_as_fresh_as_its_contract_expects(house: Warehouse) -> None:
    unfit(house, "surveys", "late")
    assert frozen(house) == {"till csat"}
    check(house, "surveys", "hours_since_last_event", "warn", False)
    assert frozen(house) == {"till csat"}
    house.execute("update ops.checks set is_met = true")
    assert frozen(house) == set()


def surveys_unfit() -> made_up_shop.Shop:
    """A normal night, but the surveys did not meet a check that freezes, so that satisfaction is not judged."""
    shop = shops.normal()
    made_up_shop.check(shop, "surveys", "refused_share", "freeze", False, "9 %", "at most 1 %")
    shop.execute("update marts.findings set status = 'frozen', rank = null where metric in ('csat', 'nps')")
    return shop


def of_satisfaction(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["finding_id"]: row for row in result["findings"] if row["metric"] in ("csat", "nps")}


def test_what_was_open_stays_as_it_stood_and_nothing_opens_or_closes() -> None:
    earlier = shops.result_of(shops.normal(), run_id="earlier")
    was_open = {key for key, row in of_satisfaction(earlier).items() if row["status"] == "open"}
    later = shops.result_of(surveys_unfit(), previous=earlier)
    assert was_open
    stands = of_satisfaction(later)
    assert {key for key, row in stands.items() if row["status"] == "open"} == was_open
    assert all(stands[key] == of_satisfaction(earlier)[key] | {"is_frozen": True} for key in was_open)
    assert {row["status"] for key, row in stands.items() if key not in was_open} <= {"frozen"}
    assert later["changes"]["opened"] == later["changes"]["closed"] == []


def test_a_first_night_with_an_unfit_feed_opens_nothing_that_rests_on_it_and_judges_the_rest() -> None:
    whole, part = shops.result_of(shops.normal()), shops.result_of(surveys_unfit())
    assert {row["status"] for row in of_satisfaction(part).values()} == {"frozen"}
    others = [[row for row in r["findings"] if row["metric"] not in ("csat", "nps")] for r in (whole, part)]
    assert others[0] == others[1]
    assert part["verdict"]["n_frozen"] == len(of_satisfaction(part))


def test_the_first_line_says_what_is_frozen() -> None:
    data = shops.result_of(surveys_unfit())["data"]
    assert data["is_fit"]
    assert "what rests on surveys is frozen" in data["sentence"]
    why = "did not meet “refused share” (9 %, expected at most 1 %)"
    assert data["unfit_feeds"] == [{"source": "surveys", "because": why}]


def test_a_night_on_which_all_is_frozen_passes_no_verdict() -> None:
    shop = surveys_unfit()
    shop.execute("update marts.findings set status = 'frozen' where kind <> 'data'")
    sentence = shops.result_of(shop)["verdict"]["sentence"]
    assert sentence == "No verdict tonight: the feed surveys did not meet “refused share” (9 %, expected at most 1 %)."


def test_no_feed_is_unfit_only_because_it_was_not_expected_to_come(house: Warehouse) -> None:
    assert gate.unfit_feeds(house) == {}
