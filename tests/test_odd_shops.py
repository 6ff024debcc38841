"""Shops with little or nothing to say get a whole report that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from teashop import write_tea_shop

from journey_analytics.cli.main import main

MAIL = """source: mail
lands: mail/*.jsonl
format: jsonl
key: [mail_id]
columns:
  mail_id: {type: text, required: true}
  who:     {type: text}
  sent_at: {type: timestamp, required: true, event_time: true}
"""


WORDS = (
    "case what when 'view' then 'product_viewed' when 'basket' then 'cart_added' "
    "when 'paid' then 'order_paid' end as event_name"
)


def night(shop: Path) -> tuple[int, dict[str, Any], str]:
    """(exit code, report.json, the page) of a night."""
    with pytest.raises(SystemExit) as ended:
        main(["run", "--project", str(shop)])
    latest = shop / "reports" / "latest"
    return (
        int(ended.value.code or 0),
        json.loads((latest / "report.json").read_text()),
        (latest / "index.html").read_text(),
    )


def change(shop: Path, name: str, before: str, after: str) -> None:
    path = shop / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def add_mail_feed(shop: Path) -> None:
    """A second, optional feed."""
    (shop / "pipelines" / "sources" / "mail.yml").write_text(MAIL, encoding="utf-8")
    change(shop, "pipelines/nightly.yml", "[web]", "[web, mail]")
    staging = (shop / "sql" / "staging" / "stg_web.sql").read_text(encoding="utf-8")
    renames = {
        "'web' as source": "'mail' as source",
        "visit_id as event_id": "mail_id as event_id",
        WORDS: "'mail_sent' as event_name",
        "seen_at as event_at": "sent_at as event_at",
        "page as path": "null::varchar as path",
        "landing.web": "landing.mail",
    }
    for before, after in renames.items():
        assert before in staging, before
        staging = staging.replace(before, after)
    (shop / "sql" / "staging" / "stg_mail.sql").write_text(staging, encoding="utf-8")
    (shop / "sql" / "staging" / "stg_mail.yml").write_text(
        "description: One row per mail.\ncolumns: {}\n", encoding="utf-8"
    )


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_tea_shop(tmp_path / "shop")


def test_a_feed_that_did_not_arrive_is_named_and_the_night_goes_on(shop: Path) -> None:
    add_mail_feed(shop)
    _, result, page = night(shop)
    assert {feed["source"]: feed["status"] for feed in result["data"]["feeds"]} == {"mail": "missing", "web": "ok"}
    assert [f["subject"] for f in result["findings"] if f["kind"] == "data"] == ["mail"]
    assert "mail" in page


def test_a_feed_whose_file_is_empty_is_said_to_be_empty(shop: Path) -> None:
    add_mail_feed(shop)
    (shop / "landing" / "mail").mkdir()
    (shop / "landing" / "mail" / "2026-03-01.jsonl").write_bytes(b"")
    _, result, _ = night(shop)
    assert {feed["source"]: feed["status"] for feed in result["data"]["feeds"]}["mail"] == "empty"


def test_a_shop_that_has_not_sold_anything_yet_says_so(shop: Path) -> None:
    change(shop, "landing/web/2026-03-01.csv", "3,ada,paid,/checkout,2026-03-01T09:09:00Z\n", "")
    code, result, page = night(shop)
    assert code == 0
    assert result["verdict"]["n_open"] == 0
    assert "No verdict" in page


def test_a_shop_of_one_customer_hides_what_would_be_about_one_person(shop: Path) -> None:
    text = "visit_id,who,what,page,seen_at\n1,ada,view,/tea,2026-03-01T09:00:00Z\n"
    (shop / "landing" / "web" / "2026-03-01.csv").write_text(text, encoding="utf-8")
    code, result, _ = night(shop)
    assert code == 0
    assert result["stages"][0]["n_entered"] in (1, None)
    assert "ada" not in json.dumps(result)


def test_a_shop_whose_feeds_hold_no_row_at_all_has_a_whole_report(shop: Path) -> None:
    (shop / "landing" / "web" / "2026-03-01.csv").write_text("visit_id,who,what,page,seen_at\n", encoding="utf-8")
    _, result, page = night(shop)
    assert {feed["source"]: feed["status"] for feed in result["data"]["feeds"]} == {"web": "empty"}
    assert result["verdict"]["n_open"] == 0
    assert "</html>" in page


def test_a_map_of_one_stage_is_a_journey_too(shop: Path) -> None:
    change(
        shop,
        "pipelines/journey.yml",
        '  - {id: consideration, wants: "Which one?", within: 7 days, owner: Catalogue}\n',
        "",
    )
    change(shop, "pipelines/journey.yml", "stage: consideration", "stage: purchase")
    code, result, _ = night(shop)
    assert code == 0
    assert [stage["stage"] for stage in result["stages"]] == ["purchase"]
