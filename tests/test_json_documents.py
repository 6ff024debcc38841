"""The elements of JSON documents: every one is counted and handed on as it was written, however the bytes arrive."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_builder import WEB, make_shop

from journey_analytics.errors import ConfigErrors
from journey_analytics.facts.feeds import Source
from journey_analytics.landing import packed
from journey_analytics.landing.json_documents import read_documents
from journey_analytics.landing.packed import UnreadableFile


def feed(records: str | None = None, **paths: str) -> Source:
    columns = {name: {"type": "text", "from": path} for name, path in paths.items()}
    return Source.model_validate(
        {**WEB, "format": "json", "records": records, "columns": {**WEB["columns"], **columns}}
    )


def told(folder: Path, content: bytes | str, records: str | None = None, **paths: str) -> list[tuple[str | None, str]]:
    path = folder / "a.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [record for batch in read_documents(path, feed(records, **paths)) for record in batch]


def texts(folder: Path, content: bytes | str, records: str | None = None, **paths: str) -> list[str]:
    found = told(folder, content, records, **paths)
    assert [problem for problem, _ in found] == [None] * len(found)
    return [text for _, text in found]


@pytest.mark.parametrize(
    ("content", "records", "expected"),
    [
        ("", None, []),
        (" \r\n\t", None, []),
        ("[]", None, []),
        ('[{"a": 1.50}, {"a": 1e5}]', None, ['{"a": 1.50}', '{"a": 1e5}']),
        ('{"a": [1]}', None, ['{"a": [1]}']),
        ('{"a": 1}\n{"b": 2} [{"c": 3}]', None, ['{"a": 1}', '{"b": 2}', '{"c": 3}']),
        ('\ufeff{"a": 1}', None, ['{"a": 1}']),
        ('{"n": 2, "rows": [{"a": "]"}, {"b": "\\"}{"}], "next": null}', "rows", ['{"a": "]"}', '{"b": "\\"}{"}']),
        ('{"rows": null}', "rows", []),
        ('{"rows": {"a": 1}}', "rows", ['{"a": 1}']),
        ('{"rows": [[{"a": 1}], 5]}', "rows", ['[{"a": 1}]', "5"]),
        ('{"a": {"b": [{"c": 1}]}, "b": [{"d": 2}]}', "a.b", ['{"c": 1}']),
        ('{"a": [{"b": [{"c": 1}, {"c": 2}]}, {"b": []}, {"x": 1}, {"b": {"c": 3}}]}', "a.b",
         ['{"c": 1}', '{"c": 2}', '{"c": 3}']),
        ('[{"b": [{"c": 1}]}, {"b": [{"c": 2}]}]', "b", ['{"c": 1}', '{"c": 2}']),
        ('{"r\\u006fws": [{"a": 1}]}', "rows", ['{"a": 1}']),
        ('{"rows": [{"a": 1}], "rows": [{"a": 2}]}', "rows", ['{"a": 1}', '{"a": 2}']),
    ],
)  # fmt: skip
def test_the_elements_of_the_named_list_are_the_records(
    tmp_path: Path, content: str, records: str | None, expected: list[str]
) -> None:
    assert texts(tmp_path, content, records) == expected


@pytest.mark.parametrize(
    ("content", "records", "said"),
    [
        ("hello", None, "text outside"),
        ('[{"a": 1}] x', None, "text outside"),
        ('[{"a": 1}, {"a": 2', None, "never closed"),
        ('{"rows": [{"a": "1]}', "rows", "never closed"),
        ('{"a": 1}}', None, "never opened"),
        ("{1}", "rows", "a key without a value"),
        ('{"rows" [1]}', "rows", "a key without a value"),
        ("[1:2]", None, "does not end"),
        ('{"error": "try again"}', "rows", "has no key 'rows', which `records: rows` leads through"),
        ('{"a": 5}', "a.b", "has no key 'b'"),
        ("\0{\0}\0", None, "text outside"),
    ],
)
def test_a_file_that_is_not_json_or_has_no_such_list_is_refused(
    tmp_path: Path, content: str, records: str | None, said: str
) -> None:
    with pytest.raises(UnreadableFile, match=said):
        told(tmp_path, content, records)


def test_one_broken_element_costs_that_element_alone(tmp_path: Path) -> None:
    broken = b'{"a": [{"b": [{"c": 1}]}, 5, {"b" 1}, , {"b": [{"c": 2}, "\xff"]}, {"b": 6}, ]}'
    assert told(tmp_path, broken, "a.b") == [
        (None, '{"c": 1}'),
        ("is not an object, so it has no `b`", "5"),
        ("is not JSON", '{"b" 1}'),
        ("is nothing between two commas", ""),
        (None, '{"c": 2}'),
        ("is not UTF-8 text (byte 2)", '"\ufffd"'),
        (None, "6"),
        ("is nothing between two commas", ""),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"a": [{"at": 7, "b": [{"c": 1}, {}, 5], "no": 8}]}', ['{"^":{"at":7},"c": 1}', '{"^":{"at":7}}', "5"]),
        ('{"a": [{"b": [{"c": 1}]}]}', ['{"^":{},"c": 1}']),
        ('{"a": {"b": [{"c": 1}], "at": {"x": [1, 2]}}}', ['{"^":{"at":{"x": [1, 2]}},"c": 1}']),
    ],
)
def test_a_column_may_climb_to_the_object_around_its_record(tmp_path: Path, content: str, expected: list[str]) -> None:
    assert texts(tmp_path, content, "a.b", x="^.at.x", y="^.at") == expected


def test_a_column_may_climb_several_levels_and_what_stands_behind_the_list_is_found_too(tmp_path: Path) -> None:
    pages = '{"a": [{"at": 1, "b": [{"c": 1}]}, {"b": [{"c": 2}], "at": 2}], "page": "p%s"}'
    found = texts(tmp_path, pages % 1 + "\n" + pages % 2, "a.b", x="^.at", y="^.^.page")
    assert [json.loads(text) for text in found] == [
        {"^": {"at": number, "^": {"page": page}}, "c": number} for page in ("p1", "p2") for number in (1, 2)
    ]


def test_columns_of_two_levels_land_with_every_element(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "at": {**WEB["columns"]["at"], "from": "^.created_at"},
               "ticket": {"type": "text", "from": "^.^.ticket.id"}}  # fmt: skip
    shop = make_shop(tmp_path / "shop", format="json", records="audits.events", columns=columns)
    audits = [
        {"events": [{"id": 1e5}, {"id": 2**63}, {"id": 1}], "created_at": "2026-03-01T10:00:00Z"},
        {"created_at": "soon", "events": [{"id": "3"}]},
    ]
    shop.deliver("web/a.json", json.dumps({"audits": audits, "ticket": {"id": 35436}}, indent=1))
    shop.deliver("web/b.json.gz", json.dumps({"audits": []}))
    shop.land()
    assert [(found["id"], found["ticket"]) for found in shop.landed()] == [
        ("100000.0", "35436"), ("9223372036854775808", "35436"), ("1", "35436"),
    ]  # fmt: skip
    assert shop.reasons() == [["at is not a time such as 2026-03-04T05:06:07Z: xx"]]
    assert [entry["n_read"] for entry in shop.ledger().values()] == [4, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "jsonl", "records": "a"}, "`records` belongs to a feed of `format: json`"),
        ({"format": "json", "records": "a..b"}, "is not a path to a list"),
        ({"format": "json", "records": "a", "x": "^.^.y"}, "climbs 2 levels above its record"),
        ({"format": "json", "records": "a", "x": "^"}, "is not a path into a JSON object"),
        ({"format": "jsonl", "x": "^.y"}, "climbs 1 level above its record, but its record stands in nothing"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_mistake_of_the_set_up(
    tmp_path: Path, changes: dict[str, str], said: str
) -> None:
    path = changes.pop("x", "n")
    shop = make_shop(tmp_path / "shop", **changes, columns={**WEB["columns"], "x": {"type": "text", "from": path}})
    with pytest.raises(ConfigErrors, match=re.escape(said)):
        shop.project()


# --- any document, cut into blocks anywhere

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=6),
    st.sampled_from(['"', "\\", '\\"', "{[", "]},:", "\n", "ü"]),
)  # fmt: skip
KEYS = st.sampled_from(["a", "b", 'q"\\', "c"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
LIST = st.lists(VALUES, max_size=4)
DOCUMENTS = st.lists(
    LIST | st.fixed_dictionaries({"a": LIST}, optional={"c": VALUES, "b": VALUES})
    | st.fixed_dictionaries({"a": st.fixed_dictionaries({"b": LIST}, optional={"c": VALUES})}, optional={"c": VALUES}),
    max_size=3,
)  # fmt: skip


def by_hand(value: Any, keys: list[str]) -> list[Any]:
    """What the records of a parsed value are, said once more and otherwise."""
    if not keys:
        return value if isinstance(value, list) else [value]
    if isinstance(value, list):
        return [record for element in value for record in _in_element(element, keys)]
    inside = value[keys[0]]
    return [] if inside is None else by_hand(inside, keys[1:])


def _in_element(element: Any, keys: list[str]) -> list[Any]:
    if isinstance(element, list):
        return [record for inner in element for record in _in_element(inner, keys)]
    if not isinstance(element, dict):
        return [element]
    if element.get(keys[0]) is None:
        return []
    inside = element[keys[0]]
    if keys[1:] and not isinstance(inside, dict | list):
        return []
    return by_hand(inside, keys[1:]) if not keys[1:] or isinstance(inside, list) else _in_element(inside, keys[1:])


@settings(max_examples=150, deadline=None)
@given(
    documents=DOCUMENTS,
    records=st.sampled_from([None, "a", "a.b"]),
    size=st.integers(1, 40),
    indent=st.none() | st.just(1),
)
def test_however_the_bytes_arrive_the_records_are_those_of_a_parser(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Any], records: str | None, size: int, indent: int | None
) -> None:
    keys = records.split(".") if records else []
    text = "\n".join(json.dumps(document, indent=indent, ensure_ascii=size % 2 == 0) for document in documents)
    try:
        expected = [record for document in documents for record in by_hand(document, keys)]
    except (KeyError, TypeError):
        expected = None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "BLOCK_BYTES", size)
        folder = tmp_path_factory.mktemp("documents")
        if expected is None:
            with pytest.raises(UnreadableFile):
                told(folder, text, records)
        else:
            assert [json.loads(record) for _, record in told(folder, text, records)] == expected
