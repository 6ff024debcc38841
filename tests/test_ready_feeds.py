"""Ready-made feeds: what a vendor sends becomes the events a person worked out, and nothing of it is lost.

A case of tests/feeds names a feed and gives what its file holds, as `records` (JSON objects) or as `text`; `expect` are
the events of its staging model, which name only the columns that matter (`hash of` an address stands for its keyed
hash), and `refused` the reasons of refused rows, without the values that these show.
"""

from __future__ import annotations

import csv
import functools
import hmac
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from shop_builder import JOURNEY, KEY, NIGHTLY, Shop, make_shop
from test_worked_cases import USUAL_SETTINGS, Row, differences

from journey_analytics import rules, warehouse
from journey_analytics.build import models
from journey_analytics.errors import ConfigError, ConfigErrors
from journey_analytics.facts.config import home
from journey_analytics.facts.feeds import Source
from journey_analytics.facts.ready import ready_made
from journey_analytics.facts.yamlfile import read_yaml
from journey_analytics.landing.contract import contract_query
from journey_analytics.landing.privacy import padded_keys
from journey_analytics.landing.readers import read_file, schema_of, table_of
from journey_analytics.warehouse import Warehouse

CASES = Path(__file__).parent / "feeds"
KEYS = {"case", "feed", "format", "records", "text", "expect", "refused", "out_of_scope"}

Case = dict[str, Any]


def feed_cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.yml")):
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))


@functools.cache
def every_model() -> dict[str, models.Model]:
    return models.discover([home() / "sql"])


@functools.cache
def source_of(name: str) -> Source:
    return Source.model_validate(read_yaml(ready_made()[name]).value)


@functools.cache
def house() -> Warehouse:
    """A warehouse with the settings and the key that landing and staging read."""
    made = warehouse.in_memory()
    made.execute("create schema landing")
    made.execute("set variable not_after = timestamp '2027-01-01'")
    for name, key in zip(("key_inner", "key_outer"), padded_keys(KEY.encode()), strict=True):
        made.execute(f"set variable {name} = $1::blob", [key])
    rules.set_variables(made, {"minor_units": USUAL_SETTINGS["minor_units"]})
    return made


def landed(name: str, path: Path, source: Source | None = None) -> list[dict[str, Any]]:
    """Every record of a file as the feed's contract takes it; `landing.<feed>` holds those that land."""
    source = source or source_of(name)
    batches = list(read_file(path, source, 0))
    with house().offered("incoming", table_of(batches, schema_of(source))):
        house().execute(f"create or replace temp table staged as {contract_query(source)}")
    columns = ", ".join(source.landed())
    house().execute(
        f"create or replace table landing.{name} as select {columns}, 'f1' as file_id, _row_number as row_number "
        "from staged where _reasons is null and _is_in_scope"
    )
    return house().rows("select _is_in_scope as is_in_scope, _reasons as reasons from staged order by _row_number")


def delivered(case: Case, folder: Path) -> Path:
    path = folder / "delivered"
    text = case.get("text") or "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in case["records"])
    path.write_text(text, encoding="utf-8")
    return path


def events(name: str) -> list[dict[str, Any]]:
    return house().rows(every_model()[f"staging.stg_{name}"].sql)


def without_value(reason: str) -> str:
    """A reason without the value that it shows at its end."""
    return reason.partition(": ")[0]


def hashed(row: Row) -> Row:
    """An expected row in which `hash of <address>` is that hash."""
    return {
        name: hmac.new(KEY.encode(), value[8:].encode(), "sha256").hexdigest()
        if isinstance(value, str) and value.startswith("hash of ")
        else value
        for name, value in row.items()
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case['feed']}: {case['case']}") for case in feed_cases()])
def test_what_a_vendor_sends_becomes_the_events_a_person_worked_out(case: Case, tmp_path: Path) -> None:
    assert set(case) <= KEYS, "a case is made of these"
    case = {"refused": [], "out_of_scope": 0, **case}
    rows = landed(case["feed"], delivered(case, tmp_path))
    found = events(case["feed"])
    wrong = differences(found, [hashed(row) for row in case["expect"]])
    assert not wrong, "\n".join(wrong)
    assert len({row["event_id"] for row in found}) == len(found), "every event has a name of its own"
    assert [[without_value(reason) for reason in row["reasons"]] for row in rows if row["reasons"]] == case["refused"]
    assert sum(not row["is_in_scope"] and not row["reasons"] for row in rows) == case["out_of_scope"]


def test_every_ready_made_feed_has_a_case_and_a_case_that_refuses_or_leaves_out() -> None:
    cases = list(feed_cases())
    assert {case["feed"] for case in cases} == set(ready_made())
    assert {case["feed"] for case in cases if case.get("refused") or case.get("out_of_scope")} == set(ready_made())


def shop_with(name: str, folder: Path) -> Shop:
    """A shop that has switched the feed on, and whose map takes every event of it for a touch."""
    shop = make_shop(folder / "shop")
    shop.write("nightly.yml", {**NIGHTLY, "sources": [name]})
    every = {**JOURNEY["touchpoints"][0], "when": {"source": name}}
    paid = {**every, "id": "paid", "when": {"event": JOURNEY["conversion"]["event"]}}
    shop.write("journey.yml", {**JOURNEY, "touchpoints": [paid, every]})
    return shop


@pytest.mark.parametrize("name", list(ready_made()))
def test_a_ready_made_feed_is_switched_on_by_its_name_alone(name: str, tmp_path: Path) -> None:
    shop = shop_with(name, tmp_path)
    assert list(shop.project().sources) == [name]
    assert shop.project().sources[name].lands
    assert f"staging.stg_{name}" in every_model()


def test_a_short_file_changes_single_keys_and_columns_of_a_ready_made_feed(tmp_path: Path) -> None:
    shop = shop_with("segment", tmp_path)
    extends = "extends: segment\nlands: calls/*\nrequired: true\ncolumns:\n  plan: {from: traits.plan, type: text}\n"
    shop.write("sources/segment.yml", extends)
    found, ready = shop.project().sources["segment"], source_of("segment")
    assert (found.lands, found.required) == (("calls/*",), True)
    assert set(found.columns) == {*ready.columns, "plan"}
    assert found.model_copy(update={"lands": ready.lands, "required": False, "columns": ready.columns}) == ready


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: segmnt\n", "extends 'segmnt', which is no ready-made feed; did you mean 'segment'?"),
        ("extends: segment\nlnads: x/*\n", "segment.yml:2: the key 'lnads' is unknown; did you mean 'lands'?"),
        ("extends: segment\ncolumns: [plan]\n", "segment.yml:2: columns"),
        ("extends: segment\nsource: web\n", "segment.yml:2: says `source: web`"),
    ],
)
def test_a_mistake_in_a_short_file_is_told_where_it_stands(text: str, said: str, tmp_path: Path) -> None:
    shop = shop_with("segment", tmp_path)
    shop.write("sources/segment.yml", text)
    with pytest.raises(ConfigErrors) as refused:
        shop.project()
    assert said in str(refused.value)


def test_what_a_short_file_says_shapes_the_night_that_is_named_by_its_inputs(tmp_path: Path) -> None:
    shop = shop_with("segment", tmp_path)
    digests = {shop.project().digest}
    for text in ("extends: segment\n", "extends: segment\nrequired: true\n"):
        shop.write("sources/segment.yml", text)
        digests.add(shop.project().digest)
    assert len(digests) == 3


@pytest.mark.parametrize(("name", "as_text"), [("ga4", ()), ("posthog", ("properties",)), ("events", ())])
def test_a_parquet_extract_becomes_the_same_events(name: str, as_text: tuple[str, ...], tmp_path: Path) -> None:
    """An extract has the vendor's columns; PostHog's has nested ones as text."""
    rows = [row for case in feed_cases() if case["feed"] == name for row in records_of(case)]
    lines, table = tmp_path / "lines", tmp_path / "table"
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    texts = [{key: json.dumps(value) if key in as_text else value for key, value in row.items()} for row in rows]
    pq.write_table(pa.Table.from_pylist(texts, schema_over(texts)), table)
    contract = read_yaml(ready_made()[name]).value
    found = []
    for path, format_ in ((lines, "jsonl"), (table, "parquet")):
        landed(name, path, Source.model_validate({**contract, "format": format_}))
        found.append(sorted(events(name), key=lambda event: event["row_number"]))
    assert len(found[0]) > 3
    assert found[1] == found[0]


def test_further_properties_are_kept_by_a_short_file_alone(tmp_path: Path) -> None:
    contract = read_yaml(ready_made()["segment"]).value
    contract["columns"]["more"] = {"from": "properties", "type": "properties", "keep": ["plan"]}
    call = {
        "messageId": "m1",
        "type": "track",
        "event": "Signed Up",
        "userId": "u1",
        "timestamp": "2026-03-02T09:00:00Z",
    }
    path = tmp_path / "calls"
    path.write_text(json.dumps({**call, "properties": {"plan": "pro", "friend": "Bob"}}), encoding="utf-8")
    landed("segment", path, Source.model_validate(contract))
    assert [json.loads(event["properties"]) for event in events("segment")] == [{"plan": "pro"}]


def test_two_models_of_one_name_in_one_folder_are_a_mistake(tmp_path: Path) -> None:
    for folder in ("staging", "staging/web"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "stg_x.sql").write_text("-- Grain: one row per x.\nselect 1 as x\n", encoding="utf-8")
        (tmp_path / folder / "stg_x.yml").write_text("description: x\ncolumns: {x: x}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"staging/stg_x.sql and staging/web/stg_x.sql are two models of one name"):
        models.discover([tmp_path])


def records_of(case: Case) -> list[dict[str, Any]]:
    """A case's rows as JSON objects; numbers of microseconds as numbers, since one column of a table has one type."""
    rows = case.get("records") or list(csv.DictReader(io.StringIO(case["text"])))
    return [{key: int(v) if key == "event_timestamp" else v or None for key, v in row.items()} for row in rows]


def schema_over(rows: list[dict[str, Any]]) -> pa.Schema:
    """The columns of all rows, in the order in which they are met; a table would have those of its first row alone."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.schema([(name, pa.array([row.get(name) for row in rows]).type) for name in names])


def test_the_list_of_feeds_names_every_ready_made_feed_with_where_it_lands() -> None:
    text = (home() / "pipelines" / "sources" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"\[(\w+)\]\(ready/\w+\.yml\)", text)
    assert sorted(listed) == sorted(ready_made())
    assert not [name for name in ready_made() if f"`{source_of(name).lands[0]}`" not in text]


def test_every_event_of_the_common_vocabulary_is_one_that_some_feed_makes() -> None:
    text = (home() / "pipelines" / "sources" / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", text.split("## One vocabulary")[1], flags=re.MULTILINE)
    words = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    made = " ".join(every_model()[f"staging.stg_{name}"].sql for name in ready_made())
    assert len(words) > 30
    assert not {word for word in words if f"'{word}'" not in made}
