"""What vendors publish of their own payloads lands as ready-made feeds, or is refused with a reason: nothing is lost.

The payloads may be read but not passed on; where they are not here, these tests are skipped. How many land is counted
by hand from the files: a documentation example often lacks what a real event has, an id or a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from shop_builder import Shop
from test_ready_feeds import every_model, shop_with

from journey_analytics.errors import InputError

PAYLOADS = Path(__file__).resolve().parents[3] / "shared" / "formats"


@dataclass(frozen=True)
class Vendor:
    """Files of one feed, what a short file says to read their shape, and how many records land."""

    feed: str
    files: tuple[str, ...]
    n_loaded: int
    says: str = ""
    within: str | None = None


VENDORS = (
    Vendor("segment", ("segment_spec/*.json",), 2, "format: json\n"),
    Vendor("posthog", ("posthog/*.json",), 0, "format: json\n"),
    Vendor("amplitude", ("amplitude_fivetran/amplitude_event_data.csv",), 10, "format: csv\n"),
    Vendor("sendgrid", ("sendgrid_event_webhook/*.json",), 12),
    Vendor("sendgrid", ("email_provider_webhooks_anymail/sendgrid.payloads.json",), 7, within="payload"),
    Vendor("postmark", ("email_provider_webhooks_anymail/postmark.payloads.json",), 6, within="payload"),
    Vendor("ses", ("email_provider_webhooks_anymail/amazon_ses.payloads.json",), 4, within="payload"),
    Vendor("mailchimp", ("mailchimp_fivetran/*_recipient_activity.csv",), 25, "format: csv\nrecords:\n"),
    Vendor("klaviyo", ("klaviyo_fivetran/event.csv",), 4, "format: csv\nrecords:\n"),
    Vendor("zendesk_tickets", ("zendesk/ticket.json",), 1),
    Vendor("zendesk_tickets", ("zendesk/recorded.ticket.json",), 1, "records: ticket\n"),
    Vendor("zendesk_tickets", ("zendesk_fivetran/ticket_data.csv",), 10, "format: csv\n"),
    Vendor("zendesk_audits", ("zendesk/recorded.audits.json",), 297),
    Vendor("zendesk_audits", ("zendesk/ticket_audit.json",), 3, "records: audit.events\n"),
    Vendor("zendesk_ratings", ("zendesk/satisfaction_rating.json",), 1),
    Vendor("intercom_conversations", ("intercom/conversation.*.json",), 12),
    Vendor("freshdesk", ("freshdesk/all_tickets.json", "freshdesk/ticket_1.json"), 2),
    Vendor("freshdesk", ("freshdesk/search_tickets.json",), 2, "records: results\n"),
    Vendor("shopify", ("shopify/orders.json",), 1, "records: orders\n"),
    Vendor("shopify", ("shopify/order.json",), 1, "records: order\n"),
    Vendor(
        "qualtrics",
        tuple(f"qualtrics_nps_fivetran/{name}.csv" for name in ("survey_response", "distribution_contact")),
        10,
    ),
)


def contents(vendor: Vendor) -> Iterator[tuple[str, str]]:
    """(name, text) of the vendor's files; of a collection of payloads, each payload as a line of its own."""
    for pattern in vendor.files:
        for path in sorted(PAYLOADS.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            if vendor.within:
                text = "\n".join(json.dumps(each[vendor.within]) for each in json.loads(text))
            yield path.name, text


def night(vendor: Vendor, folder: Path) -> Shop:
    """A shop that landed the vendor's files."""
    shop = shop_with(vendor.feed, folder)
    suffix = "csv" if "csv" in vendor.says or vendor.feed == "qualtrics" else "json"
    shop.write(f"sources/{vendor.feed}.yml", f"extends: {vendor.feed}\nlands: {vendor.feed}/*\n{vendor.says}")
    files = list(contents(vendor))
    if not files:
        pytest.skip("the vendors' payloads are not here: they may be read but not passed on, see tests/real/README.md")
    for name, text in files:
        shop.deliver(f"{vendor.feed}/{Path(name).stem}.{suffix}", text)
    shop.land()
    return shop


def events(shop: Shop, feed: str) -> list[dict[str, Any]]:
    with shop.opened() as warehouse:
        warehouse.execute("create schema landing")
        warehouse.execute(f"create view landing.{feed} as from work.landing.{feed}")
        return warehouse.rows(every_model()[f"staging.stg_{feed}"].sql)


@pytest.mark.parametrize("vendor", [pytest.param(each, id=f"{each.feed} {each.files[0]}") for each in VENDORS])
def test_every_record_of_a_vendor_lands_or_is_refused_with_a_reason(vendor: Vendor, tmp_path: Path) -> None:
    shop = night(vendor, tmp_path)
    loads, reasons = shop.rows("from work.ops.loads order by file"), shop.reasons()
    for load in loads:
        parts = [load[name] for name in ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope")]
        assert load["n_read"] == sum(parts), load["file"]
        assert load["n_read"] > 0 or load["reason"], load["file"]
    assert sum(load["n_loaded"] for load in loads) == vendor.n_loaded
    assert sum(load["n_rejected"] for load in loads) == len(reasons)
    assert all(reason and all(reason) for reason in reasons)
    found = events(shop, vendor.feed)
    assert len({event["event_id"] for event in found}) == len(found), "every event has a name of its own"
    assert all(event["event_name"] and event["event_at"] for event in found)
    kept = json.dumps(
        [found, shop.rows(f"from work.landing.{vendor.feed}"), shop.rows("from work.ops.rejects")], default=str
    )
    assert not re.findall(r"[\w.+-]+@[\w-]+\.\w+", kept), "no address is kept"


def test_a_connectors_table_that_is_no_export_of_ga4_is_refused_by_its_columns(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the required column event_timestamp, event_name is gone"):
        night(Vendor("ga4", ("ga4_bigquery/*.csv",), 0, "format: csv\n"), tmp_path)
