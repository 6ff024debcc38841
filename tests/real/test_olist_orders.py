"""Olist, a choice of orders: a delivery promise and reviews, no web. The numbers are those of the data's own README."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from real.nights import Published, copy_of, night_of

from journey_analytics.facts.config import load_project
from journey_analytics.night import Night

# The files are one extract, whose last purchase lies five days before its last answer: this is the end of both.
EXTRACTED = datetime(2018, 10, 23)

ORDERS = """
    orders as (
        select
            order_id,
            any_value(properties ->> 'status') as status,
            any_value((properties ->> 'promised_by')::timestamp) as promised_by,
            max(event_at) filter (event_name = 'order_paid') as paid_at,
            max(event_at) filter (event_name = 'order_shipped') as shipped_at,
            max(event_at) filter (event_name = 'order_delivered') as delivered_at
        from journeys.events where source = 'orders' group by order_id),
    reviews as (select * from journeys.answers join orders using (order_id))
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return night_of(copy_of("olist_orders", tmp_path_factory.mktemp("api")), as_of=EXTRACTED)


def test_every_row_of_the_three_files_is_loaded(shop: Published) -> None:
    counts = "n_read, n_loaded, n_duplicate, n_rejected, n_out_of_scope"
    loads = shop.rows(f"select source, {counts} from ops.loads order by source")
    whole = {"customers": 8_135, "orders": 8_135, "reviews": 8_225}
    assert loads == [(source, n, n, 0, 0, 0) for source, n in whole.items()]
    assert shop.scalar("select count(*) from ops.rejects") == 0


def test_orders_thin_out_from_purchase_to_delivery_as_known(shop: Published) -> None:
    known = {"order_placed": 8_135, "order_paid": 7_989, "order_shipped": 6_353, "order_delivered": 5_170}
    events = "select event_name, count(distinct order_id) from journeys.events where source = 'orders' group by all"
    assert dict(shop.rows(events)) == known
    touches = dict(shop.rows("select touchpoint, n_touches from marts.touchpoint_metrics where segment = 'all'"))
    told = {point["touchpoint"]: point["n_touches"] for point in shop.report["touchpoints"]}
    places = dict(zip(("order_placed", "order_paid", "dispatch", "delivery"), known.values(), strict=True))
    assert touches == told
    assert {place: touches[place] for place in places} == places


def test_orders_of_one_person_are_one_customer_and_reviews_find_them(shop: Published) -> None:
    # The person stands in one file, the order in another, and the review names the order alone.
    assert shop.scalar("select count(*) from journeys.events where customer_id is null") == 0
    for source in ("customers", "orders", "reviews"):
        persons = f"select count(distinct customer_id) from journeys.events where source = '{source}'"
        assert shop.scalar(persons) == 8_016
    strangers = """
        select count(*) from journeys.events as review join journeys.events as bought using (order_id)
        where review.source = 'reviews' and bought.source = 'orders' and review.customer_id <> bought.customer_id
    """
    assert shop.scalar(strangers) == 0
    assert shop.scalar("select count(*) from journeys.journeys where customer_id like 'user:order:%'") == 0


def test_orders_with_several_reviews_and_reviews_of_several_orders_are_all_kept(shop: Published) -> None:
    answers = "from journeys.answers where answered_at is not null"
    assert shop.row(f"select count(*), count(score), count(distinct order_id) {answers}") == (8_225, 8_225, 8_135)
    answered = "from journeys.events where event_name = 'survey_answered'"
    several = "select count(*) from (select {} {} group by all having count(*) > 1)"
    assert shop.scalar(several.format("order_id", answered)) == 87
    assert shop.scalar(several.format("properties ->> 'review_id' as review_id", answered)) == 28
    again = f"select count(*) - count(distinct properties ->> 'review_id') {answered}"
    assert shop.scalar(again) == 34, "rows whose review stands in the file already, for another order"


def test_stars_by_how_the_order_ended_are_as_known(shop: Published) -> None:
    stars = shop.rows(f"""
        with {ORDERS}
        select status, round(avg(score), 3), count(*) from reviews group by all order by status
    """)
    assert stars == [
        ("approved", 2.5, 2),
        ("canceled", 1.811, 629),
        ("created", 1.8, 5),
        ("delivered", 4.138, 5_240),
        ("invoiced", 1.651, 318),
        ("processing", 1.275, 302),
        ("shipped", 1.996, 1_118),
        ("unavailable", 1.527, 611),
    ]


def test_a_late_delivery_costs_nearly_two_stars(shop: Published) -> None:
    # Over reviews, among orders that ended delivered and have a date of delivery; late is after the estimate.
    stars = shop.rows(f"""
        with {ORDERS}
        select delivered_at > promised_by, round(avg(score), 3), count(*) from reviews
        where status = 'delivered' and delivered_at is not null group by all order by 1
    """)
    assert stars == [(False, 4.280, 4_814), (True, 2.498, 418)]


def test_the_promise_is_counted_per_order_with_the_last_thing_the_customer_said(shop: Published) -> None:
    # 5,172 orders ended delivered: 4,750 in time, 414 late, 8 without a date of delivery. The scores are each order's
    # last review, written after it came or was due: hence 4,738 and 415 where all reviews are 4,814 and 418.
    numbers = "n_due, n_kept, n_open, n_scored_when_kept, n_scored_when_broken"
    scores = "round(mean_score_when_kept, 3), round(mean_score_when_broken, 3)"
    counted = shop.row(f"select {numbers}, {scores} from marts.promise_metrics where by_value = 'all'")
    assert counted == (5_172, 4_750, 0, 4_738, 415, 4.280, 2.504)
    (told,) = shop.report["promises"]
    assert (told["n_due"], told["n_kept"], told["status"]) == (5_172, 4_750, "open")
    late = f"""
        with {ORDERS}
        select count(*) filter (delivered_at > promised_by), count(*) filter (delivered_at is null)
        from orders where status = 'delivered'
    """
    assert shop.row(late) == (414, 8)


def test_what_cannot_be_is_kept_and_can_be_counted(shop: Published) -> None:
    odd = shop.row(f"""
        with {ORDERS}
        select
            count(*) filter (shipped_at < paid_at),
            count(*) filter (delivered_at < shipped_at),
            count(*) filter (status = 'canceled' and delivered_at is not null)
        from orders
    """)
    assert odd == (77, 3, 6)


def test_a_shop_without_a_web_gets_a_whole_report_that_says_so(shop: Published) -> None:
    report = shop.report
    assert (shop.latest / "index.html").stat().st_size > 10_000
    assert report["data"]["is_fit"]
    assert (report["verdict"]["n_open"], report["verdict"]["n_judged"]) == (1, 1)
    assert "promise is broken. First: Delivered by the estimated date" in report["verdict"]["sentence"]
    assert report["data"]["unmapped"]["top"] == [{"source": "customers", "event_name": "identified", "n": 8_135}]
    late = [finding["subject"] for finding in report["findings"] if finding["kind"] == "data"]
    assert late == ["orders"], "its last order is five days old on the day that was asked for"
    drawn = {lane["stage"]: (lane["emotion"] or {}).get("n") for lane in report["journey_map"]["lanes"]}
    assert drawn == {"decision": None, "purchase": None, "delivery": None, "after_delivery": 8_225}
    assert shop.scalar("select count(*) from journeys.sessions") == 0, "no feed knows of visits"
    unseen = {(cell["stage"], cell["channel"]) for cell in report["coverage"] if cell["n_touches"] is None}
    assert len(unseen) == 11
    assert ("delivery", "email") in unseen, "not instrumented, which is not nought"


def test_stamps_without_a_zone_are_brazilian_time(shop: Published) -> None:
    order = "a4591c265e18cb1dcee52889e2d8acc3:order_placed"
    placed = shop.scalar(f"select event_at::varchar from journeys.events where event_id = '{order}'")
    assert placed == "2017-07-10 00:57:05", "2017-07-09 21:57:05 in São Paulo"


def test_a_stamp_in_the_hour_that_the_clock_skips_is_not_lost_silently(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "olist_orders"
    folder.mkdir(parents=True)
    header = "order_id,customer_id,order_status,order_purchase_timestamp,order_approved_at,order_delivered_carrier_date"
    orders = [f"{header},order_delivered_customer_date,order_estimated_delivery_date"]
    orders += [f"o{m},c{m},created,2017-10-15 00:{m}:00,,,,2017-10-30 00:00:00" for m in (10, 50)]
    orders += ["o0,c0,created,2017-10-14 12:00:00,,,,2017-10-30 00:00:00"]
    persons = ["customer_id,customer_unique_id", "c0,p0", "c10,p1", "c50,p2"]
    for name, lines in (("orders", orders), ("customers", persons)):
        (folder / f"olist_{name}_dataset.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    with Night(load_project(copy_of("olist_orders", tmp_path, data=tmp_path / "data"))) as night:
        night.land()
        landed = {row["order_id"] for row in night.warehouse.rows("select order_id from work.landing.orders")}
        refused = night.warehouse.rows(
            """select "row"::json ->> 'order_id' as order_id, reasons from work.ops.rejects"""
        )
    assert landed | {row["order_id"] for row in refused} == {"o0", "o10", "o50"}, (
        "a time that never was is told, or read on"
    )
    assert all("ordered_at" in reason for row in refused for reason in row["reasons"])


def test_without_an_as_of_what_lies_beyond_the_last_order_waits(tmp_path: Path) -> None:
    project = copy_of("olist_orders", tmp_path)
    command = [sys.executable, "-m", "journey_analytics.cli.main", "run", "--project", str(project), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode in (0, 2), ended.stderr
    report = json.loads((project / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
    feeds = {feed["source"]: (feed["status"], feed["n_after_as_of"]) for feed in report["data"]["feeds"]}
    assert report["complete_through"] == "2018-10-17"
    assert feeds == {"customers": ("ok", 0), "orders": ("ok", 0), "reviews": ("ok", 2)}
