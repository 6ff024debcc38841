"""Findings: what is said, in which order, under which name, and where it is written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_shop import LAST_DAY, empty_house, only, promise, recovery, touchpoint

from journey_analytics.claims import findings
from journey_analytics.claims.findings import RULE, find, finding_id
from journey_analytics.warehouse import Warehouse


@pytest.fixture
def house() -> Warehouse:
    return empty_house()


def test_the_map_s_own_next_action_goes_before_a_default(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, target_progressed=0.5, next_action="Ask Ada.")
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, "cart", target_progressed=0.5)
    touchpoint(house, {"n_matured": 400, "n_progressed": 300}, "home", target_progressed=0.5, next_action="Nothing.")
    said = {row["subject"]: row["next_action"] for row in find(house)}
    assert said == {"payment": "Ask Ada.", "cart": findings.NEXT_ACTIONS["underperforming"], "home": None}


def test_a_feed_with_odd_days_or_none_at_all_is_a_finding_about_data(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, target_progressed=0.5)
    house.execute("""
        insert into ops.feeds values
            ('email', 'ok', null), ('orders', 'late', '2026-10-30 12:00'),
            ('support', 'missing', null), ('web', 'ok', null);
        insert into ops.checks values
            ('1', 'feed', 'web', 'rows_vs_same_weekday', 'warn', false, '2026-10-25 (0.04), of 56 days', '0.5 to 2'),
            ('2', 'feed', 'email', 'rows_vs_same_weekday', 'warn', true, '0.9 to 1.1', '0.5 to 2'),
            ('3', 'feed', 'email', 'refused_share', 'warn', false, '9 %', 'at most 1 %');
        insert into rules.calendar values ('2026-10-25', null, 'outage', 'Tracking lost', ['web']);
    """)
    rows = find(house)
    assert [row["subject"] for row in rows] == ["payment", "orders", "support", "web"]
    assert [row["kind"] for row in rows] == ["underperforming", "data", "data", "data"]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    assert "25\u00a0Oct\u00a02026 (0.04), of 56 days, expected 0.5 to 2" in rows[3]["claim"]
    assert "Coincides with outage Tracking lost" in rows[3]["caveat"]
    assert "last event is of 30" in rows[1]["claim"]
    assert (rows[2]["claim"], rows[2]["owner"], rows[2]["estimate"]) == ("The feed did not arrive", "support", None)


def test_no_finding_speaks_of_causes(house: Warehouse) -> None:
    touchpoint(
        house,
        {"n_matured": 400, "n_progressed": 100, "n_customers": 400, "n_complaints": 90},
        target_progressed=0.5,
        complained_at_most=0.02,
    )
    promise(house, {"by_value": "all", "n_due": 600, "n_kept": 360})
    recovery(house, ("all", 400, 200))
    said = " ".join(f"{row['claim']} {row['caveat']} {row['next_action']}" for row in find(house)).lower()
    words = " ".join([said, RULE.lower(), *findings.NEXT_ACTIONS.values()])
    assert not re.search(r"\b(because|impact\w*|caus\w+|due to|leads? to|effect\w*|drives?|thanks to)\b", words)


def test_open_findings_are_ordered_by_importance_shortfall_and_count(house: Warehouse) -> None:
    for name, importance, n, good in (
        ("big", "low", 4000, 1000), ("grave", "high", 2000, 500),
        ("small", "high", 60, 5), ("fine", "high", 900, 800)):  # fmt: skip
        touchpoint(house, {"n_matured": n, "n_progressed": good}, name, target_progressed=0.5, importance=importance)
    assert [(row["subject"], row["rank"]) for row in find(house)] == [
        ("grave", 1),
        ("big", 2),
        ("small", 3),
        ("fine", None),
    ]


def test_of_two_with_the_same_count_the_further_from_its_target_comes_first(house: Warehouse) -> None:
    for point, good in (("a_near", 150), ("b_far", 50)):
        touchpoint(house, {"n_matured": 400, "n_progressed": good}, point, target_progressed=0.5)
    assert [row["subject"] for row in find(house)] == ["b_far", "a_near"]


def test_a_net_score_weighs_its_points_over_two_hundred(house: Warehouse) -> None:
    touchpoint(house, {"n_nps": 400, "n_promoters": 100, "n_detractors": 100}, "a_score", target_nps=50)
    touchpoint(house, {"n_matured": 400, "n_progressed": 80}, "b_share", target_progressed=0.5)
    assert [row["subject"] for row in find(house)] == ["b_share", "a_score"]


def test_many_touches_of_few_customers_weigh_as_few_customers(house: Warehouse) -> None:
    counts = {"n_touches": 9000, "n_out_of_order": 4500, "n_customers": 50}
    touchpoint(house, counts, "a_shown", out_of_order_at_most=0.0)
    touchpoint(house, {"n_matured": 100, "n_progressed": 0}, "b_share", target_progressed=0.5)
    assert [row["subject"] for row in find(house)] == ["b_share", "a_shown"]


def test_equal_findings_are_ordered_by_their_id(house: Warehouse) -> None:
    for name in ("b", "a", "c"):
        touchpoint(house, {"n_matured": 400, "n_progressed": 100}, name, target_progressed=0.5)
    ids = [row["finding_id"] for row in find(house)]
    assert ids == sorted(ids)


def test_an_id_is_words_and_a_hash_of_what_the_finding_is_about() -> None:
    assert finding_id("underperforming", "payment_page", "progressed", "all") == "f-payment-page-progressed-all-df0519"


def test_an_id_stays_when_the_numbers_change(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 100}, target_progressed=0.5)
    before = only(house)["finding_id"]
    house.execute("update marts.touchpoint_metrics set n_progressed = 399")
    house.execute("update rules.touchpoints set name = 'Renamed', owner = 'Others', target_progressed = 0.6")
    assert only(house)["finding_id"] == before


@given(*[st.text(max_size=200)] * 4)
def test_an_id_is_safe_in_a_page_and_differs_for_what_differs(
    kind: str, subject: str, metric: str, segment: str
) -> None:
    made = finding_id(kind, subject, metric, segment)
    assert re.fullmatch(r"f-[a-z0-9][a-z0-9-]{0,79}", made)
    assert made != finding_id(kind, subject, metric, segment + "x")


def test_the_same_tables_give_the_same_rows_and_they_are_written_as_returned(house: Warehouse) -> None:
    touchpoint(
        house,
        {"n_matured": 400, "n_progressed": 100, "n_csat": 12, "n_satisfied": 3},
        target_progressed=0.5,
        target_csat=0.8,
    )
    promise(house, {"by_value": "all", "n_due": 600, "n_kept": 360})
    first, second = find(house), find(house)
    assert first == second == house.rows("select * from marts.findings order by rank nulls last, finding_id")


def test_every_column_is_written_down_with_its_meaning(house: Warehouse) -> None:
    find(house)
    columns = house.rows(
        "select column_name, comment from duckdb_columns() where table_name = 'findings' order by column_index"
    )
    assert [row["column_name"] for row in columns] == list(findings.NAMES)
    assert all(row["comment"] for row in columns)
    assert house.scalar("select comment from duckdb_tables() where table_name = 'findings'").startswith(
        "One row per finding_id"
    )


HOSTILE = "x'; drop table marts.findings; -- \u202e{0}%s{{7*7}}|</script><img src=x onerror=alert(1)>"


def test_hostile_names_are_kept_as_names(house: Warehouse) -> None:
    touchpoint(
        house, {"n_matured": 400, "n_progressed": 100}, HOSTILE, name=HOSTILE, owner=HOSTILE, target_progressed=0.5
    )
    promise(
        house,
        {"by_value": "all", "n_due": 650, "n_kept": 500},
        {"by_value": HOSTILE, "n_due": 250, "n_kept": 110},
        {"by_value": "south", "n_due": 400, "n_kept": 390},
    )
    house.append("rules.calendar", [{"event_on": LAST_DAY, "kind": "other", "name": HOSTILE, "touches": [HOSTILE]}])
    rows = {row["kind"]: row for row in find(house)}
    assert rows["underperforming"]["title"] == HOSTILE
    assert rows["promise_broken"]["segment"] == HOSTILE
    assert "[U+202E]" in rows["underperforming"]["caveat"]
