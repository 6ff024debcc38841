"""A shop that writes no feed of its own: six vendors' files, a short map, and a night to the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from real.nights import Published, night_of
from shop_builder import Shop

SOURCES = ("segment", "sendgrid", "zendesk_tickets", "zendesk_ratings", "shopify", "nps")
N_CUSTOMERS, N_BUYERS = 12, 8

MAP = """shop: Tea shop
currency: EUR
conversion: {source: shopify, event: order_paid}
complaints: [{event: [email_unsubscribed, email_reported_spam]}]
stages:
  - {id: awareness, wants: "Is there something for me?", within: 7 days, owner: CRM}
  - {id: consideration, wants: "Which one?", within: 7 days, owner: Catalogue}
  - {id: purchase, wants: "Pay and be done.", within: 1 day, owner: Checkout}
  - {id: after, wants: "Get it, get help.", within: 30 days, owner: Service}
touchpoints:
  - {id: letter, name: Letter, stage: awareness, channel: email, owner: CRM, when: {event: email_delivered}}
  - {id: product, name: Product, stage: consideration, channel: web, owner: Catalogue, when: {event: product_viewed}}
  - {id: cart, name: Cart, stage: purchase, channel: web, owner: Checkout, when: {event: cart_added}}
  - {id: paid, name: Paid, stage: purchase, channel: web, owner: Checkout, when: {event: order_paid}, surveys: [nps]}
  - {id: help, name: Help, stage: after, channel: support, owner: Service, when: {event: ticket_opened},
     surveys: [ticket_rating]}
"""


def at(day: int, minute: int) -> str:
    return f"2026-03-{day:02d}T{9 + minute // 60:02d}:{minute % 60:02d}:00Z"


def calls() -> Iterator[dict[str, Any]]:
    """Segment: everybody looks, and says who they are, buyers fill a cart."""
    for n in range(N_CUSTOMERS):
        who = {"anonymousId": f"a{n}", "context": {"ip": "203.0.113.7"}}
        yield {"messageId": f"v{n}", "type": "track", "event": "Product Viewed", "timestamp": at(2, n), **who}
        traits = {"email": f"c{n}@example.org", "name": f"Customer {n}"}
        yield {
            "messageId": f"i{n}",
            "type": "identify",
            "userId": f"u{n}",
            "traits": traits,
            "timestamp": at(2, n),
            **who,
        }
        if n < N_BUYERS:
            yield {"messageId": f"c{n}", "type": "track", "event": "Product Added", "timestamp": at(2, 20 + n), **who}
            said = {"order_id": str(100 + n), "total": 10, "currency": "EUR"}
            yield {"messageId": f"o{n}", "type": "track", "event": "Order Completed", "properties": said,
                   "timestamp": at(2, 40 + n), **who}  # fmt: skip


def orders() -> Iterator[dict[str, Any]]:
    """Shopify: what the buyers paid; the shop knows them by an id of its own, and by their address."""
    for n in range(N_BUYERS):
        yield {"id": 100 + n, "created_at": at(2, 40 + n), "updated_at": at(2, 41 + n), "financial_status": "paid",
               "total_price": "10.50", "currency": "EUR", "email": f"C{n}@example.org", "customer": {"id": 9000 + n},
               "shipping_address": {"name": f"Customer {n}", "country_code": "DE"}}  # fmt: skip


def letters() -> list[dict[str, Any]]:
    """SendGrid: one letter to everybody."""
    letter = {"event": "delivered", "category": "spring"}
    return [
        {"sg_event_id": f"l{n}", "email": f"c{n}@example.org", "timestamp": 1772352000 + n, **letter}
        for n in range(N_CUSTOMERS)
    ]


def tickets() -> list[dict[str, Any]]:
    """Zendesk: two buyers ask, and are answered."""
    return [
        {
            "id": n, "created_at": at(3, n), "updated_at": at(3, 60 + n), "status": "solved", "requester_id": 70 + n,
            "subject": "Where is it? Ada",
            "via": {"channel": "email", "source": {"from": {"address": f"c{n}@example.org"}}},
        }
        for n in range(2)
    ]  # fmt: skip


def ratings() -> list[dict[str, Any]]:
    """Zendesk: one of the two rates the answer."""
    return [
        {
            "id": 1,
            "ticket_id": 0,
            "requester_id": 70,
            "score": "good",
            "comment": "Thanks, Bob",
            "created_at": at(4, 0),
        },
        {"id": 2, "ticket_id": 1, "requester_id": 71, "score": "offered", "created_at": at(4, 0)},
    ]


def answers() -> str:
    """A table of invitations: every buyer is asked, half of them answer."""
    lines = ["invitation_id,invited_at,answered_at,score,customer_id,comment"]
    for n in range(N_BUYERS):
        answer = f"{at(5, 30 + n)},{9 if n else 3}" if n % 2 == 0 else ","
        lines.append(f"n{n},{at(5, n)},{answer},u{n},it was Ada who helped")
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    shop = Shop(tmp_path_factory.mktemp("vendors") / "shop")
    key = {"file": "pipelines/key", "sample_only": True}
    shop.write("nightly.yml", {"landing": "in", "sources": list(SOURCES), "key": key})
    shop.write("journey.yml", MAP)
    shop.write("key", "a key for tests, never for people\n")
    shop.deliver("segment/2026/03/02.jsonl.gz", calls())
    shop.deliver("sendgrid/2026-03-01.json", json.dumps(letters()))
    shop.deliver("zendesk_tickets/export.json", tickets())
    shop.deliver("zendesk_ratings/ratings.json", json.dumps(ratings()))
    for order in orders():
        shop.deliver(f"shopify/{order['id']}.json", json.dumps(order, indent=1))
    shop.deliver("nps/2026-03.csv", answers())
    night = night_of(shop.root, as_of=datetime(2026, 3, 6))
    yield night
    night.warehouse.close()


def test_six_vendors_land_without_a_feed_of_ones_own(published: Published) -> None:
    loads = published.rows(
        "select source, sum(n_read), sum(n_loaded), sum(n_rejected) from ops.loads group by source order by source"
    )
    assert [(source, read, loaded) for source, read, loaded, _ in loads] == [
        ("nps", 8, 8),
        ("segment", 40, 40),
        ("sendgrid", 12, 12),
        ("shopify", 8, 8),
        ("zendesk_ratings", 2, 2),
        ("zendesk_tickets", 2, 2),
    ]
    assert sum(rejected for *_, rejected in loads) == 0


def test_what_the_vendors_know_of_a_person_is_one_customer(published: Published) -> None:
    assert published.scalar("select count(distinct customer_id) from journeys.events") == N_CUSTOMERS
    seen = published.rows("""
        select list(distinct source order by source) from journeys.events
        where customer_id = (select customer_id from journeys.identities where id = 'u0') group by customer_id""")
    assert seen == [(sorted(SOURCES),)]


def test_the_conversion_is_the_one_that_the_map_names_and_money_counts_once(published: Published) -> None:
    row = "select count(*), sum(revenue_minor) from journeys.journeys where is_converted"
    assert published.row(row) == (N_BUYERS, N_BUYERS * 1050)


def test_answers_stand_beside_who_was_asked(published: Published) -> None:
    rows = published.rows("select metric, n_invited, n_answered from marts.satisfaction where scope = 'touchpoint'")
    assert ("nps_10", 8, 4) in rows
    assert ("thumb", 2, 1) in rows


def test_no_address_name_or_free_text_is_published(published: Published) -> None:
    tables = published.rows("select schema_name || '.' || table_name from duckdb_tables() where not internal")
    kept = [str(published.rows(f"from {table}")) for (table,) in tables]
    kept += [
        path.read_text(encoding="utf-8", errors="replace") for path in published.latest.rglob("*") if path.is_file()
    ]
    words = ("example.org", "Customer 1", "Thanks, Bob", "Ada who")
    assert len(kept) > 30
    assert not [word for word in words if any(word in text for text in kept)]
