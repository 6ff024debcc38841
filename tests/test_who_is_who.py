"""A made-up shop's ids from events to report: what was known when, in any order, and what rests on stitching."""

from __future__ import annotations

import datetime
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from teashop import README
from test_worked_cases import empty_shop, every_model, set_settings

from journey_analytics.build import models
from journey_analytics.identity import components
from journey_analytics.report import quality
from journey_analytics.warehouse import Warehouse

Row = dict[str, Any]
START = datetime.datetime(2026, 3, 1)
DAYS = 60
IDENTITY = ("journeys.identities", "journeys.identity_merges", "journeys.shared_ids")
STAGES = ("awareness", "consideration", "decision", "purchase")


def made_up_events(seed: int, n: int = 300) -> list[Row]:
    """People with a login, two devices, an address and orders, who show now one of them and now two."""
    dice = random.Random(seed)
    events = []
    for number in range(n):
        who = dice.randrange(25)
        ids = {
            "user_id": f"u{who}", "email_key": f"m{who}", "anonymous_id": f"d{who}{dice.choice('ab')}",
            "order_id": f"o{who}{dice.choice('xyz')}", "ticket_id": f"t{who}",
        }  # fmt: skip
        carried = dice.sample(sorted(ids), dice.choices((1, 2, 3), (6, 3, 1))[0])
        stage = dice.choices(STAGES, (6, 5, 4, 2))[0]
        events.append({
            "source": dice.choice(("web", "shop")), "event_id": f"e{number}", "event_name": stage,
            "event_at": START + datetime.timedelta(hours=dice.randrange(DAYS * 24)), "properties": "{}",
            **{name: ids[name] for name in carried},
        })  # fmt: skip
    return events


@contextmanager
def built(
    events: list[Row], tables: tuple[str, ...], *, as_of: datetime.datetime, edges: bool = True
) -> Iterator[Warehouse]:
    """The tables and all that they read, built from the events; without `edges`, no two ids are ever linked."""
    shop = empty_shop()
    set_settings(shop, {"as_of": as_of, "journey_gap_days": 7, "after_sale_days": 5})
    shop.execute("begin")
    try:
        for row in events:
            marks = ", ".join(f"${place}" for place in range(1, len(row) + 1))
            shop.execute(f"insert into staging.events ({', '.join(row)}) values ({marks})", list(row.values()))
        for place, stage in enumerate(STAGES, 1):
            shop.execute("insert into rules.stages (stage, position) values ($1, $2)", [stage, place])
        for table in models.build_order(every_model(), tables):
            if table == components.TABLE:
                components.components(shop)
            elif table == "journeys.event_shapes":
                shop.execute(f"""
                    insert into {table} (
                        source, event_name, touchpoint, stage, rule_values, is_conversion, is_bot, is_internal)
                    select distinct
                        source, event_name, event_name, event_name, []::varchar[], event_name = 'purchase', false, false
                    from staging.events
                """)
            elif table.startswith(("journeys.", "marts.")) and table in every_model():
                shop.execute(f"insert into {table} by name {every_model()[table].sql}")
            if table == "journeys.identity_edges" and not edges:
                shop.execute(f"delete from {table}")
        yield shop
    finally:
        shop.execute("rollback")


def everything(shop: Warehouse, tables: tuple[str, ...]) -> dict[str, list[Row]]:
    return {table: shop.rows(f"from {table} order by all") for table in tables}


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_in_which_events_are_read_changes_nothing(seed: int) -> None:
    events = made_up_events(seed)
    as_of = START + datetime.timedelta(days=DAYS)
    with built(events, IDENTITY, as_of=as_of) as shop:
        once = everything(shop, IDENTITY)
    assert len(once["journeys.identity_merges"]) > 50
    random.Random(seed).shuffle(events)
    with built(events, IDENTITY, as_of=as_of) as shop:
        assert everything(shop, IDENTITY) == once


@pytest.mark.parametrize("day", [5, 40])
def test_what_was_known_on_a_day_follows_from_the_merges_up_to_it(day: int) -> None:
    """The README's query gives the customers that a night on that day would have named."""
    events, known_at = made_up_events(4), START + datetime.timedelta(days=day)
    with built(events, IDENTITY, as_of=known_at) as shop:
        then = {f"{row['id_kind']}:{row['id']}": row["customer_id"] for row in shop.rows("from journeys.identities")}
    with built(events, IDENTITY, as_of=START + datetime.timedelta(days=DAYS)) as shop:
        query = re.search(r"-- 6\. .*?\n(WITH RECURSIVE .*?);", README.read_text(encoding="utf-8"), re.DOTALL)
        assert query is not None
        known = shop.rows(query[1].replace("2026-09-01", str(known_at)))
        now = {f"{row['id_kind']}:{row['id']}": row for row in shop.rows("from journeys.identities")}
    assert len(then) > 10
    assert {row["id"]: row["customer_id"] for row in known} == then
    settled = {name for name, row in now.items() if row["valid_from"] < known_at}
    assert settled == {name for name, customer in then.items() if customer == now[name]["customer_id"]}


@pytest.mark.parametrize("seed", [5])
def test_without_stitching_is_what_the_same_night_counts_when_no_two_ids_are_linked(seed: int) -> None:
    events, as_of = made_up_events(seed), START + datetime.timedelta(days=DAYS)
    tables = ("marts.identity_report", "marts.trend")
    with built(events, tables, as_of=as_of) as shop:
        told = {row["stitching"]: row for row in shop.rows("from marts.identity_report")}
        headline = shop.rows("select sum(n_journeys_matured) as n, sum(n_converted) as n_good from marts.trend")[0]
    with built(events, tables, as_of=as_of, edges=False) as shop:
        apart = {row["stitching"]: row for row in shop.rows("from marts.identity_report")}
    counts = ("n_customers", "n_journeys", "n_converted", "converted_share")
    assert [told["without"][name] for name in counts] == [apart["with"][name] for name in counts]
    assert apart["with"]["n_converted_stitched"] == 0
    assert told["with"]["n_customers"] < told["without"]["n_customers"]
    assert 0 < told["with"]["n_converted_stitched"] <= told["with"]["n_converted"]
    assert (told["with"]["n_journeys"], told["with"]["n_converted"]) == (headline["n"], headline["n_good"])


class Told:
    """A published file that knows one table."""

    def __init__(self, *rows: Row) -> None:
        self._rows = list(rows)

    def rows(self, sql: str) -> list[Row]:
        assert "marts.identity_report" in sql
        return self._rows


WITH = {
    "stitching": "with", "n_customers": 90, "n_journeys": 100, "n_converted": 20, "converted_share": 0.2,
    "converted_low": 0.13, "converted_high": 0.29, "n_converted_stitched": 5, "stitched_share_of_converted": 0.25,
    "revenue_minor": 200_000, "revenue_stitched_minor": 40_000, "currency": "EUR",
}  # fmt: skip
WITHOUT = {
    **WITH, "stitching": "without", "n_customers": 120, "n_journeys": 160, "converted_share": 0.125,
    "converted_low": 0.08, "converted_high": 0.19, "n_converted_stitched": 0, "revenue_minor": None,
}  # fmt: skip


def test_the_report_says_how_many_conversions_rest_on_a_link_and_what_the_share_would_be() -> None:
    told = quality.stitching(Told(WITH, WITHOUT), 10)
    assert told is not None
    said = told["sentence"].replace("\u202f", " ").replace("\u00a0", " ").replace("\u2009", " ")
    assert said == (
        "5 of 20 conversions (25 %; €400 of €2,000) rest on a stitched link. Without stitching 12 % (8 % to 19 %) of "
        "160 journeys by 120 customers would convert, instead of 20 % (13 % to 29 %) of 100 journeys by 90 customers."
    )
    none = quality.stitching(Told({**WITH, "n_converted_stitched": 0}, WITHOUT), 10)
    assert none is not None
    assert none["sentence"].startswith("No conversion rests on a stitched link. Without stitching ")


@pytest.mark.parametrize(
    "rows",
    [(), (WITH,), ({**WITH, "n_customers": 9}, WITHOUT), (WITH, {**WITHOUT, "n_customers": 9})],
    ids=["no headline", "half of it", "too few with", "too few without"],
)
def test_where_there_are_too_few_the_report_does_not_compare(rows: tuple[Row, ...]) -> None:
    assert quality.stitching(Told(*rows), 10) is None
