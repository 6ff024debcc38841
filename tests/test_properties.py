"""Of a nested value only what the feed's file lists lands, and nobody in it can be told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError
from shop_builder import WEB, Shop, make_shop, row, text_csv
from test_contract import key_of

from journey_analytics.facts.feeds import Column

KEEP = ["category", "price", "is_new", "tags", "products.product_id", "products.price"]


def landed(folder: Path, values: list[Any], keep: list[str] = KEEP, **column: Any) -> list[Any]:
    """What lands of each value, as Python reads its JSON."""
    kind = {"type": "properties", "from": "properties", "keep": keep, **column}
    shop = make_shop(folder / "shop", columns={**WEB["columns"], "props": kind})
    shop.deliver("web/a.jsonl", [row(number, properties=value) for number, value in enumerate(values)])
    shop.land()
    return [value and json.loads(value) for value in props(shop)]


def props(shop: Shop) -> list[Any]:
    return [found["props"] for found in shop.rows("select props from work.landing.web order by row_number")]


def test_only_listed_keys_land_whatever_else_an_event_carries(tmp_path: Path) -> None:
    product = {"product_id": "p1", "who": "A"}
    value = {"category": "Tea", "price": 4.5, "is_new": True, "name": "Ada", "products": product}
    assert landed(tmp_path, [value, {"who": "Ada"}, {}, None]) == [
        {"category": "Tea", "price": 4.5, "is_new": True, "products": {"product_id": "p1"}},
        {},
        {},
        None,
    ]


def test_of_a_list_of_objects_each_keeps_its_listed_keys(tmp_path: Path) -> None:
    products = [{"product_id": "p1", "price": 2, "engraving": "for Ada"}, {"price": "3"}, "Ada", {"engraving": "x"}]
    assert landed(tmp_path, [{"products": products}, {"products": "Ada"}, {"products": []}]) == [
        {"products": [{"product_id": "p1", "price": 2}, {"price": "3"}, {}]},
        {},
        {"products": []},
    ]


def test_line_items_may_be_the_whole_value(tmp_path: Path) -> None:
    items = [{"sku": "a", "price": 1, "gift_note": "Dear Ada"}, {"sku": "b"}]
    assert landed(tmp_path, [items], keep=["sku", "price"]) == [[{"sku": "a", "price": 1}, {"sku": "b"}]]


def test_a_listed_key_never_lets_an_object_through_whose_keys_nobody_listed(tmp_path: Path) -> None:
    values = [{"category": {"name": "Ada"}}, {"tags": ["a", {"name": "Ada"}, ["Ada"], 1, None, False]}]
    assert landed(tmp_path, values) == [{}, {"tags": ["a", 1, False]}]


def test_the_texts_of_a_property_are_treated_like_those_of_a_column(tmp_path: Path) -> None:
    texts = ["ada@example.com", "by ada@example.com", "+49 171 2345678", "203.0.113.9", 'plain "quoted" text\n']
    values = [{"category": text, "tags": [text], "products": [{"product_id": text}]} for text in texts]
    kept = [key_of(texts[0]), "by [e-mail]", key_of(texts[2]), key_of(texts[3]), texts[4]]
    assert landed(tmp_path, values) == [
        {"category": text, "tags": [text], "products": [{"product_id": text}]} for text in kept
    ]


def test_an_address_behind_escapes_is_found_too(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", columns={**WEB["columns"], "props": {"type": "properties", "keep": ["a"]}})
    line = '{"id":"%d","at":"2026-03-01T10:00:00Z","props":{"a":"ada%sexample.com"}}\n'
    shop.deliver("web/a.jsonl", "".join(line % (n, sign) for n, sign in enumerate(["\\u0040", "%40", "\\uff20"])))
    shop.land()
    assert ["example" in value for value in props(shop)] == [False] * 3


def test_an_address_of_the_web_loses_its_query_in_a_property_too(tmp_path: Path) -> None:
    values = [{"category": "https://a.b/c?name=Ada#x"}, {"category": "see http://a.b/c?name=Ada and /d"}]
    assert landed(tmp_path, values) == [{"category": "https://a.b/c"}, {"category": "see http://a.b/c and /d"}]


def test_a_list_of_names_and_values_is_read_as_one_object(tmp_path: Path) -> None:
    values = [
        [
            {"key": "category", "value": {"string_value": "Tea", "int_value": None}},
            {"key": "price", "value": {"string_value": None, "int_value": "7"}},
            {"key": "who", "value": {"string_value": "Ada"}},
        ],
        [{"name": "category", "value": "Tea"}, {"name": "note", "value": "Ada"}, {"value": 1}, {"name": "price"}],
        {"category": "Tea"},
    ]
    assert landed(tmp_path, values, pairs=True) == [
        {"category": "Tea", "price": "7"},
        {"category": "Tea"},
        {"category": "Tea"},
    ]


def test_what_is_neither_object_nor_list_refuses_its_row_and_is_shown_nowhere(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", columns={**WEB["columns"], "props": {"type": "properties", "keep": ["a"]}})
    shop.deliver("web/a.jsonl", [row(1, props="Ada Lovelace"), row(2, props=5), row(3, props='{"a": 1, "b": "Ada"}')])
    shop.deliver("web/b.jsonl", [row(4, n="x", props={"a": "kept", "b": "Lovelace"})])
    shop.land()
    unlike = ["props is not a JSON object or a list of objects"]
    assert shop.reasons() == [unlike, unlike, ["n is not a whole number: x"]]
    refused = shop.rows("select row from work.ops.rejects order by file, row_number")
    kept = [json.loads(found["row"]).get("props") for found in refused]
    assert (kept, props(shop)) == ([None, None, '{"a":"kept"}'], ['{"a":1}'])


def test_csv_and_parquet_carry_properties_too(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "props": {"type": "properties", "keep": ["a", "b.c"]}}
    text = make_shop(tmp_path / "text", format="csv", columns=columns)
    values = ['{""a"":""x"",""z"":1}', '{""a"":""a\\u0040b.de""}']
    lines = [f'{number},2026-03-01 10:00:00,,,,,"{value}"' for number, value in enumerate(values)]
    text.deliver("web/a.csv", text_csv(*lines, header="id,at,user,email,ip,n,props"))
    text.land()
    assert props(text) == ['{"a":"x"}', f'{{"a":"{key_of("a@b.de")}"}}']
    nested = make_shop(tmp_path / "nested", format="parquet", columns=columns)
    path = nested.deliver("web/a.parquet", b"")
    structs = [{"a": "x", "b": [{"c": 1, "d": "Ada"}]}, None]
    pq.write_table(pa.table({"id": ["1", "2"], "at": ["2026-03-01T10:00:00Z"] * 2, "props": structs}), path)
    nested.land()
    assert props(nested) == ['{"a":"x","b":[{"c":1}]}', None]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ({"type": "properties"}, "lists under `keep`"),
        ({"type": "text", "keep": ["a"]}, "belong to a column of type properties"),
        ({"type": "properties", "keep": ["a..b"]}, "'a..b' is not a key"),
        ({"type": "properties", "keep": ["a", "a.b"]}, "names both a and keys below it"),
    ],
)  # fmt: skip
def test_an_allow_list_that_allows_nothing_or_too_much_is_refused(column: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Column.model_validate(column)
