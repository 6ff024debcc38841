"""A column finds its value wherever the file keeps it: deep within a record, in a list, or in one of several places."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_builder import Shop, make_shop

from journey_analytics.errors import ConfigErrors, InputError
from journey_analytics.facts.paths import Route, parsed

PLACES = {
    "page": "params[page]",
    "session": "params[session]",
    "first": "people[0].id",
    "second": "people[1].id",
    "dotted": 'inner."a.b[c]"',
    "who": ["inner.who", "people[0].id"],
}
RECORD = {
    "params": [
        {"key": "session", "value": {"string_value": None, "int_value": 42}},
        {"key": "empty"},
        {"key": "page", "value": {"string_value": "/tents", "int_value": None}},
    ],
    "people": [{"id": "p1"}, {"id": "p2"}],
    "inner": {"a.b[c]": "x", "who": ""},
}
FOUND = {"page": "/tents", "session": "42", "first": "p1", "second": "p2", "dotted": "x", "who": "p1"}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    columns: dict[str, Any] = {
        "id": {"type": "text", "required": True},
        "at": {"type": "timestamp", "required": True, "event_time": True},
        **{name: {"type": "text", "from": places} for name, places in PLACES.items()},
    }
    return make_shop(tmp_path / "shop", columns=columns)


def row(**facts: Any) -> dict[str, Any]:
    return {"id": "e1", "at": "2026-03-01T10:00:00Z", **facts}


def test_a_line_of_json_is_gone_into_by_keys_places_and_names(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(**RECORD)])
    shop.land()
    assert shop.landed(", ".join(PLACES)) == [FOUND]


def test_a_nested_column_of_parquet_is_gone_into_in_the_same_way(shop: Shop) -> None:
    shop.source(format="parquet", columns=shop.project().sources["web"].model_dump(by_alias=True)["columns"])
    (shop.landing / "web").mkdir()
    pq.write_table(pa.Table.from_pylist([row(**RECORD), row(id="e2")]), shop.landing / "web" / "a.parquet")
    shop.land()
    assert shop.landed(", ".join(PLACES)) == [FOUND, dict.fromkeys(FOUND)]


def test_json_written_as_text_in_a_column_of_parquet_is_gone_into_too(shop: Shop) -> None:
    shop.source(format="parquet", columns=shop.project().sources["web"].model_dump(by_alias=True)["columns"])
    (shop.landing / "web").mkdir()
    told = row(**{name: json.dumps(value) for name, value in RECORD.items()})
    broken = row(id="e2", params="[", people='["no object"]', inner='"no object"')
    pq.write_table(pa.Table.from_pylist([told, broken]), shop.landing / "web" / "a.parquet")
    shop.land()
    assert shop.landed(", ".join(PLACES)) == [FOUND, dict.fromkeys(FOUND)]


def test_what_is_not_there_is_nothing_and_refuses_no_row(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(), row(id="e2", params="none", people=7, inner=[])])
    shop.land()
    assert shop.landed(", ".join(PLACES)) == [dict.fromkeys(FOUND)] * 2


def test_a_csv_file_fills_a_column_from_the_first_of_its_places_that_is_not_empty(tmp_path: Path) -> None:
    columns = {
        "id": {"type": "text", "required": True},
        "at": {"type": "timestamp", "required": True, "event_time": True, "from": ["changed", "made", "noted"]},
    }
    shop = make_shop(tmp_path / "shop", format="csv", columns=columns)
    shop.deliver("web/a.csv", "id,made,changed\ne1,2026-03-01,2026-03-02\ne2,2026-03-03,\ne3,,\n")
    shop.land()
    assert [str(found["at"])[:10] for found in shop.landed('"at"')] == ["2026-03-02", "2026-03-03"]
    assert shop.reasons() == [["at is missing"]]
    shop.deliver("web/b.csv", "id,when\ne4,2026-03-01\n")
    with pytest.raises(InputError, match="the required column changed or made or noted is gone"):
        shop.land()


def test_microseconds_are_a_time_and_other_units_are_not(tmp_path: Path) -> None:
    columns = {
        "id": {"type": "text", "required": True},
        "at": {"type": "epoch_microseconds", "required": True, "event_time": True},
    }
    shop = make_shop(tmp_path / "shop", columns=columns)
    shop.deliver("web/a.jsonl", [{"id": "e1", "at": 1772442000123456}, {"id": "e2", "at": 1772442000}])
    shop.land()
    assert [str(found["at"]) for found in shop.landed('"at"')] == ["2026-03-02 09:00:00.123456"]
    assert shop.reasons() == [["at is not microseconds since 1970: 1772442000"]]


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("a", Route(("a",))),
        ("$set.e-mail", Route(("$set", "e-mail"))),
        ("a[0][1].b[12]", Route(("a", 0, 1, "b", 12))),
        ("a.b[page_location]", Route(("a", "b"), "page_location")),
        ('a."[Vendor] Path.x"[0]', Route(("a", "[Vendor] Path.x", 0))),
    ],
)
def test_a_path_is_keys_places_and_a_name_at_the_end(text: str, route: Route) -> None:
    assert parsed(text) == route


@pytest.mark.parametrize("text", ["", "a..b", ".a", "a[", "a[x].b", "a[]", 'a"b', '"a', "a\\b"])
def test_what_is_no_path_is_refused_with_what_is_allowed(shop: Shop, text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed are keys joined by dots"):
        parsed(text)
    shop.source(columns={"id": {"type": "timestamp", "event_time": True, "from": text or "a."}})
    with pytest.raises(ConfigErrors, match="is not a path into a JSON object"):
        shop.project()
