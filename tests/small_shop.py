"""A shop of a few rows for the tests of findings: just the columns that they read, in memory."""

from __future__ import annotations

import datetime
from typing import Any

from journey_analytics.claims.findings import find
from journey_analytics.warehouse import Warehouse, in_memory

TABLES = """
    create schema rules; create schema marts; create schema ops;
    create table rules.settings (name varchar, value varchar);
    create table rules.stages (stage varchar, position integer, within_seconds bigint);
    create table rules.touchpoints (
        touchpoint varchar, position integer, name varchar, stage varchar, channel varchar, owner varchar,
        importance varchar, effort varchar, playbook varchar, next_action varchar, target_progressed double,
        target_csat double, target_nps double, target_thumb double, target_stars double, complained_at_most double,
        out_of_order_at_most double
    );
    create table rules.promises (
        promise varchar, position integer, name varchar, owner varchar, stage varchar, target double,
        next_action varchar
    );
    create table rules.recoveries (
        recovery varchar, position integer, name varchar, owner varchar, touchpoint varchar, target double,
        next_action varchar
    );
    create table rules.segments (segment varchar, position integer, name varchar);
    create table rules.calendar (event_on date, until_on date, kind varchar, name varchar, touches varchar[]);
    create table marts.touchpoint_metrics (
        segment varchar, touchpoint varchar, stage varchar, channel varchar, n_touches bigint, n_customers bigint,
        n_matured bigint, n_progressed bigint, n_open bigint, n_csat bigint, n_satisfied bigint, n_nps bigint,
        n_promoters bigint, n_detractors bigint, n_thumb bigint, n_thumb_good bigint, n_stars bigint,
        n_stars_good bigint, n_complaints bigint, n_out_of_order bigint
    );
    create table marts.touchpoint_daily (
        touchpoint varchar, kpi varchar, cohort_on date, n_matured bigint, n_good bigint
    );
    create table marts.promise_metrics (
        promise varchar, by_value varchar, n_due bigint, n_kept bigint, n_scored_when_kept bigint,
        csat_when_kept double, mean_score_when_kept double, n_scored_when_broken bigint, csat_when_broken double,
        mean_score_when_broken double, n_open bigint
    );
    create table marts.recoveries (recovery varchar, segment varchar, n_due bigint, n_met bigint, n_open bigint);
    create table ops.feeds (source varchar, status varchar, last_event_at timestamp);
    create table ops.checks (
        check_id varchar, scope varchar, subject varchar, expectation varchar, level varchar, is_met boolean,
        observed varchar, expected varchar
    );
    create schema journeys;
    create table rules.event_rules (kind varchar, subject varchar, source varchar);
    create table journeys.shapes (shape_id integer, source varchar);
    create table journeys.shape_rules (shape_id integer, kind varchar, subject varchar);
    create table journeys.event_shapes (stage varchar, source varchar, n_events bigint);
    create table journeys.answers (answer_id varchar, touchpoint varchar);
    insert into rules.settings values ('as_of', '2026-11-03 00:00:00'), ('judged_days', '56.0'), ('min_cell', '10');
    insert into rules.stages values ('purchase', 2, 86400);
"""
LAST_DAY = datetime.date(2026, 11, 2)
COUNTS = {"csat": ("n_csat", "n_satisfied"), "thumb": ("n_thumb", "n_thumb_good"), "stars": ("n_stars", "n_stars_good"),
          "progressed": ("n_matured", "n_progressed")}  # fmt: skip


def empty_house() -> Warehouse:
    warehouse = in_memory()
    warehouse.execute(TABLES)
    return warehouse


def touchpoint(house: Warehouse, counts: dict[str, Any], point: str = "payment", **facts: Any) -> None:
    known = {"touchpoint": point, "position": 1, "name": "Payment page", "stage": "purchase", "channel": "web",
             "owner": "Checkout team", "importance": "high", "effort": "medium"}  # fmt: skip
    house.append("rules.touchpoints", [known | facts])
    house.append("marts.touchpoint_metrics", [{"segment": "all", "touchpoint": point} | counts])


def promise(house: Warehouse, *rows: dict[str, Any], target: float = 0.95, **facts: Any) -> None:
    known = {"promise": "two_day_delivery", "position": 1, "name": "Two-day delivery", "owner": "Logistics"}
    house.append("rules.promises", [known | {"target": target} | facts])
    for row in rows:
        house.append("marts.promise_metrics", [{"promise": "two_day_delivery"} | row])


def recovery(house: Warehouse, *rows: tuple[str, int, int]) -> None:
    house.append("rules.recoveries", [{"recovery": "abandoned_cart", "position": 1, "name": "Cart reminder",
                                       "owner": "CRM", "touchpoint": "payment", "target": 0.9}])  # fmt: skip
    house.append(
        "rules.segments", [{"segment": s, "position": 1, "name": f"{s.title()} customers"} for s in ("new", "old")]
    )
    for segment, due, met in rows:
        house.append(
            "marts.recoveries", [{"recovery": "abandoned_cart", "segment": segment, "n_due": due, "n_met": met}]
        )


def days(house: Warehouse, *spans: tuple[int, int, int], kpi: str = "progressed") -> None:
    """Spans of (days, matured a day, good a day), the last ending on the last day."""
    on = LAST_DAY - datetime.timedelta(days=sum(span[0] for span in spans) - 1)
    for length, n, good in spans:
        for _ in range(length):
            house.append("marts.touchpoint_daily", [{"touchpoint": "payment", "kpi": kpi, "cohort_on": on,
                                                     "n_matured": n, "n_good": good}])  # fmt: skip
            on += datetime.timedelta(days=1)


def only(house: Warehouse) -> dict[str, Any]:
    (row,) = find(house)
    return row
