"""A feed drafted from one of its files lands that file as it is; what was guessed is marked where it may be wrong."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_builder import JOURNEY

from journey_analytics import ledger
from journey_analytics.cli.main import main
from journey_analytics.draft.guesses import Guess, draft
from journey_analytics.draft.samples import Sample, read_sample
from journey_analytics.errors import InputError
from journey_analytics.facts.config import load_project
from journey_analytics.landing import land
from journey_analytics.warehouse import open_night

COLUMNS = ("id", "customer_id", "event", "at", "page", "ip")
EVENTS = [
    dict(zip(COLUMNS, told, strict=True))
    for told in (
        ("e1", "ada", "Product Viewed", "2026-03-01T09:00:00Z", "/tea?size=2", "203.0.113.7"),
        ("e2", "ada", "Order Paid", "2026-03-01T09:05:00Z", "/till", "203.0.113.7"),
        ("e3", "bob", "Product Viewed", "2026-03-01T10:00:00Z", "/tea", "203.0.113.8"),
    )
]


def journey(*arguments: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def as_csv(events: list[dict[str, Any]], delimiter: str = ",") -> str:
    return "\n".join(delimiter.join(map(str, row)) for row in (events[0], *(each.values() for each in events))) + "\n"


def as_parquet(folder: Path) -> bytes:
    rows = [{**event, "at": datetime.datetime.fromisoformat(event["at"])} for event in EVENTS]
    pq.write_table(pa.Table.from_pylist(rows), folder / "p")
    return (folder / "p").read_bytes()


def contents(kind: str, folder: Path) -> tuple[str, bytes]:
    """(file name, bytes) of the same three events, written in one way or another."""
    lines = "".join(json.dumps(event) + "\n" for event in EVENTS)
    in_town = [{**event, "stadt": "Köln"} for event in EVENTS]
    told: dict[str, tuple[str, str | bytes]] = {
        "commas": ("visits.csv", as_csv(EVENTS)),
        "semicolons in Latin letters": ("visits.csv", as_csv(in_town, ";").encode("cp1252")),
        "tabs in a packed file": ("visits.tsv.gz", gzip.compress(as_csv(EVENTS, "\t").encode())),
        "lines of JSON": ("visits.jsonl", lines),
        "a list in JSON": ("visits.json", json.dumps(EVENTS, indent=1)),
        "a page of an API": ("visits.json", json.dumps({"next": None, "events": EVENTS})),
        "Parquet": ("visits.parquet", as_parquet(folder)),
    }
    name, content = told[kind]
    return name, content.encode() if isinstance(content, str) else content


def drafted(kind: str, folder: Path) -> Path:
    """A shop whose only feed was drafted from a file of that kind."""
    name, content = contents(kind, folder)
    shop = folder / "shop"
    (shop / "landing" / "visits").mkdir(parents=True)
    (shop / "landing" / "visits" / name).write_bytes(content)
    assert journey("source", "new", "visits", "--like", shop / "landing" / "visits" / name, "--project", shop) == 0
    (shop / "pipelines" / "journey.yml").write_text(yaml.safe_dump(JOURNEY), encoding="utf-8")
    (shop / "pipelines" / "nightly.yml").write_text("landing: landing\nsources: [visits]\n", encoding="utf-8")
    return shop


@pytest.mark.parametrize(
    "kind",
    ["commas", "semicolons in Latin letters", "tabs in a packed file", "lines of JSON", "a list in JSON",
     "a page of an API", "Parquet"],
)  # fmt: skip
def test_a_drafted_feed_lands_the_file_it_was_drafted_from(kind: str, tmp_path: Path) -> None:
    shop = drafted(kind, tmp_path)
    warehouse = open_night(shop / "warehouse", threads=1)
    ledger.ensure(warehouse)
    (landed,) = land.land(warehouse, load_project(shop), datetime.datetime(2026, 3, 2, 3))
    warehouse.execute("create schema landing")
    warehouse.execute("create view landing.visits as from work.landing.visits")
    events = warehouse.rows((shop / "sql" / "staging" / "stg_visits.sql").read_text(encoding="utf-8"))
    warehouse.close()
    assert (landed.counts["n_read"], landed.counts["n_loaded"]) == (3, 3)
    told = ("event_id", "user_id", "event_name", "event_at", "path")
    assert sorted(tuple(str(event[column]) for column in told) for event in events) == [
        ("e1", "ada", "product_viewed", "2026-03-01 09:00:00", "/tea"),
        ("e2", "ada", "order_paid", "2026-03-01 09:05:00", "/till"),
        ("e3", "bob", "product_viewed", "2026-03-01 10:00:00", "/tea"),
    ]
    assert "203.0.113.7" not in str(events)


def guessed(**columns: list[str]) -> dict[str, Guess]:
    """The guesses about columns of texts."""
    height = max(map(len, columns.values()))
    rows = [{name: texts[n] for name, texts in columns.items() if n < len(texts) and texts[n]} for n in range(height)]
    return {column.name: column for column in draft(Sample("csv", rows, names=tuple(columns))).columns}


@pytest.mark.parametrize(
    ("name", "texts", "type_", "personal"),
    [
        ("order_id", ["1001", "1002"], "text", None),
        ("zip", ["10115", "80331"], "text", None),
        ("n_items", ["1", "12"], "integer", None),
        ("shelf", ["007", "012"], "text", None),
        ("weight", ["1.5", "2"], "number", None),
        ("is_new", ["true", "False"], "boolean", None),
        ("paid_at", ["2026-03-01 09:00:00", "2026-03-01T09:00:00.5+01:00"], "timestamp", None),
        ("born", ["2026-03-01"], "date", None),
        ("created", ["1772442000"], "epoch_seconds", None),
        ("created", ["1772442000123"], "epoch_milliseconds", None),
        ("visits", ["1772442000"], "integer", None),
        ("landing_page", ["https://shop.example/a?b=c", "/d"], "url", None),
        ("contact", ["ada@example.org", "bob@example.org"], "text", "email"),
        ("contact", ["ada@example.org", "by post"], "text", "drop"),
        ("mobile", ["0171 1234567"], "text", "drop"),
        ("called", ["+49 171 1234567"], "text", "drop"),
        ("host", ["203.0.113.7", "2001:db8::1"], "text", "drop"),
        ("first_name", ["Ada"], "text", "drop"),
        ("why", ["Because the man at the till was so very kind to me"], "text", "drop"),
        ("comment", ["fine"], "text", "drop"),
        ("product_name", ["Green tea"], "text", None),
    ],
)
def test_a_guess_is_careful(name: str, texts: list[str], type_: str, personal: str | None) -> None:
    found = guessed(**{name: texts})[name]
    assert (found.type, found.personal) == (type_, personal)


def test_amounts_are_money_where_a_currency_stands_beside_them() -> None:
    found = guessed(at=["2026-03-01"], amount=["12,50", "5"], currency=["EUR", "EUR"])
    assert (found["amount"].type, found["amount"].currency, found["amount"].decimal_comma) == (
        "money",
        "currency",
        True,
    )
    assert guessed(at=["2026-03-01"], amount=["12.50"])["amount"].type == "number"


def test_of_several_times_the_complete_one_of_the_most_telling_name_is_when_it_happened() -> None:
    whole, part = ["2026-03-01T09:00:00Z", "2026-03-01T09:00:00Z"], ["2026-03-01T09:00:00Z", ""]
    found = guessed(event_at=part, sent_at=whole, updated_at=whole)
    assert [name for name, column in found.items() if column.event_time] == ["sent_at"]
    assert "the others are event_at, updated_at" in found["sent_at"].check


def test_what_is_marked_is_told_and_stands_in_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("at,comment\n2026-03-01 09:00,Thanks\n", encoding="utf-8")
    assert journey("source", "new", "notes", "--like", tmp_path / "a.csv", "--project", tmp_path, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["written"] == ["pipelines/sources/notes.yml", "sql/staging/stg_notes.sql", "sql/staging/stg_notes.yml"]
    assert "times name no zone; which one are they in?" in told["check"]
    assert "no column says whose event it is; then it is nobody's" in told["check"]
    assert told["next"][0] == "put its files where they land: landing/notes/*.csv"
    text = "".join((tmp_path / path).read_text(encoding="utf-8") for path in told["written"])
    assert text.count("CHECK: ") == len(told["check"]) > 4


def test_a_person_in_a_drafted_feed_can_be_erased_by_whichever_column_holds_their_id(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "receipt_id,customer_id,device_id,sold_at\nr1,ada,d1,2026-03-01T09:00:00Z\nr2,bob,d2,2026-03-01T09:01:00Z\n",
        encoding="utf-8",
    )
    assert journey("source", "new", "till", "--like", tmp_path / "a.csv", "--project", tmp_path) == 0
    columns = yaml.safe_load((tmp_path / "pipelines/sources/till.yml").read_text(encoding="utf-8"))["columns"]
    told = {name: column.get("identifies") for name, column in columns.items()}
    assert told == {"receipt_id": None, "customer_id": "user", "device_id": "device", "sold_at": None}


@pytest.mark.parametrize(
    ("name", "content", "arguments", "said"),
    [
        ("Shop", "at\n2026-03-01\n", (), "'Shop' is not the name of a feed"),
        ("segment", "at\n2026-03-01\n", (), "'segment' is a ready-made feed"),
        ("shop", "at\n2026-03-01\n", ("--format", "xml"), "'xml' is not a format"),
        ("shop", "who,what\nada,view\n", (), "has no column that looks like a time"),
        ("shop", "", (), "holds no record"),
        ("shop", "{", ("--format", "json"), "cannot be read"),
        ("shop", "no parquet", ("--format", "parquet"), "cannot be read"),
    ],
)
def test_what_no_feed_can_be_drafted_from_is_refused_with_the_reason(
    name: str, content: str, arguments: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.txt").write_text(content, encoding="utf-8")
    code = journey("source", "new", name, "--like", tmp_path / "a.txt", "--project", tmp_path, *arguments)
    assert code in (10, 20)
    assert said in capsys.readouterr().err
    assert not (tmp_path / "pipelines").exists()


def test_nothing_that_exists_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.csv").write_text("at\n2026-03-01\n", encoding="utf-8")
    for code in (0, 10):
        assert journey("source", "new", "shop", "--like", tmp_path / "a.csv", "--project", tmp_path) == code
    assert (
        "pipelines/sources/shop.yml, sql/staging/stg_shop.sql, sql/staging/stg_shop.yml exists"
        in capsys.readouterr().err
    )


@settings(max_examples=150, deadline=None)
@given(content=st.binary(max_size=300))
def test_any_bytes_are_a_sample_or_are_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bytes") / "a.csv"
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        sample = read_sample(path)
        names = [column.name for column in draft(sample).columns]
        assert len(names) == len(set(names)) == len(sample.columns)


def test_the_ready_made_feeds_and_the_projects_own_are_listed_with_their_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {
        "sources/shopify.yml": "# Ours.\nextends: shopify\nrequired: true\n",
        "sources/broken.yml": "source: [",
        "nightly.yml": "landing: x\nsources: [shopify]\n",
    }
    (tmp_path / "pipelines" / "sources").mkdir(parents=True)
    for name, text in texts.items():
        (tmp_path / "pipelines" / name).write_text(text, encoding="utf-8")
    assert journey("sources", "--project", tmp_path, "--json") == 0
    found = {row["source"]: row for row in json.loads(capsys.readouterr().out)["sources"]}
    assert {"segment", "zendesk_tickets", "shopify", "broken"} <= set(found)
    assert (found["shopify"]["made"], found["shopify"]["is_on"], found["shopify"]["required"]) == ("own", True, True)
    assert (found["segment"]["made"], found["segment"]["is_on"]) == ("ready", False)
    assert found["broken"]["holds"] == "its file is not in order: journey doctor"
    columns = {column["column"]: column for column in found["segment"]["columns"]}
    assert columns["email"]["lands_as"] == "email_key"
    assert columns["ip"]["lands_as"] is None
    assert "order_paid" in found["segment"]["becomes"]["event_name"]


def test_one_feed_is_shown_with_its_columns_and_what_it_becomes(capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("sources", "sendgrid") == 0
    shown = capsys.readouterr().out
    assert "what became of each e-mail, as SendGrid's event webhook posts it" in shown
    assert "sg_event_id" in shown
    assert "email_delivered, email_opened" in shown
    assert journey("sources", "sendgird") == 10
