"""Plain rows land by the fast way, and nobody can tell from what has landed: the contract alone gives the same."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop_builder import NOW, Shop, make_shop, row
from test_land import _memory

from journey_analytics.facts.config import Project, home
from journey_analytics.facts.feeds import Source
from journey_analytics.landing import chunks, fast, land, lines, readers
from journey_analytics.landing.contract import kept_address
from journey_analytics.landing.plain import key_query, plain_query
from journey_analytics.warehouse import in_memory

TABLES = ("landing.web", "ops.loads", "ops.rejects", "ops.load_notes")
COLUMNS = {
    "id": {"type": "text", "required": True},
    "at": {"type": "timestamp", "required": True, "event_time": True},
    "user": {"type": "text"},
    "email": {"type": "text", "personal": "email"},
    "ip": {"type": "text", "personal": "drop"},
    "n": {"type": "integer"},
    "price": {"type": "number", "at_least": 0, "at_most": 1000},
    "url": {"type": "url", "keep_query": ["utm", "a"]},
    "kind": {"type": "text", "values": ["page", "track"], "on_new_value": "evolve"},
    "score": {"type": "score", "scale": "nps_10", "not_answered": ["99"]},
    "deep": {"type": "text", "from": "o.p.q"},
}
RULES: dict[str, Any] = {
    "key": ["id", "at"], "columns": COLUMNS,
    "out_of_scope": [{"when": "n = 5", "because": "x"}], "rows": [{"refuse": "user = 'nobody'", "because": "y"}],
}  # fmt: skip

TEXTS = st.sampled_from(
    ["a", "b", "", " ", "null", " N/A ", "undefined   ", "nobody", "ada@example.com", "ADA@example.com ",
     "x ada@b.co y",
     "a%40b.com", "+49 170 1234567", "1+1", "10.1.2.3", "10.1.2", "1e5", "007", "9223372036854775808", "1.0", "-0",
     "NaN", "Infinity", "1_000", "a\u0000b", "a\u0001b", "\u2028", "ü", "ａ＠ｂ.de", "e\u0301",
     "page", "Track", "11", "99",
     "9/10", "https://x.de/p?utm=1&a=2#f", "/p?b=1?a=2&utm=", "/p#x?utm=1", "[]", "{}", "true", "a" * 700]
)  # fmt: skip
TIMES = st.sampled_from(
    ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00+00:00", "2026-03-01T11:00:00.000+01:00", "2026-03-01 10:00:00",
     "2026-03-01", "2026-02-30T10:00:00Z", "2026-03-10T12:00:00Z", "2026-03-12T00:00:00Z", "1970-01-01T00:00:00Z",
     "1772359200", "yesterday", ""]
)  # fmt: skip
VALUES = st.one_of(TEXTS, st.integers(-2, 12), st.sampled_from([1e5, 1.0, 2**63, 0.1, True, None, [1], {"x": 1}]))
NESTED = st.one_of(VALUES, st.fixed_dictionaries({"p": st.one_of(VALUES, st.fixed_dictionaries({"q": VALUES}))}))
OPTIONAL = dict.fromkeys(("user", "email", "ip", "n", "price", "url", "kind", "score", "ID", "new"), VALUES)
ROWS = st.fixed_dictionaries(
    {"id": st.sampled_from(["1", "2", "3", "ada@example.com", " ", 4, None]), "at": TIMES},
    optional={**OPTIONAL, "o": NESTED},
)
GOOD = st.builds(row, st.integers(0, 40))
OTHER = b'{"id": "9", "at": "2026-03-01T10:00:00Z", '
ODD_LINES = st.sampled_from(
    [b"", b" ", b"{", b"[1]", b"null", b"\xff", b"\xef\xbb\xbf{}", b'{"id": "1", "id": "2", "at": "2026-03-01"}',
     OTHER + b'"o": {"p": {"q": 1}, "p": 2}}', OTHER + b'"new": 1, "new": 2}', b'{"id": 1e5, "at": "2026-03-01"}',
     b'{"\\u0069d": "1", "at": "2026-03-01T10:00:00Z"}', OTHER + b'"user": "\\u0040a.b"}', OTHER + b'"n": 1e999}',
     OTHER + b'"n": 1} x', b" " + OTHER + b'"n": 1}', OTHER + b'"user": "\xc3"}']
)  # fmt: skip
LINES = st.one_of(*[each.map(lambda found: json.dumps(found, ensure_ascii=False).encode()) for each in (GOOD, ROWS)],
                  ODD_LINES)  # fmt: skip
FILES = st.lists(st.lists(LINES, max_size=12).map(b"\n".join), min_size=1, max_size=3)


def _csv_line(found: dict[str, Any]) -> bytes:
    texts = ["" if value is None else str(value) for value in (found.get(name) for name in COLUMNS)]
    return ",".join('"' + text.replace('"', '""') + '"' for text in texts).encode()


CSV_LINES = st.one_of(*[rows.map(_csv_line) for rows in (GOOD, ROWS)], st.sampled_from([b"", b"1,2", b'"']))
CSV_FILES = st.lists(
    st.lists(CSV_LINES, max_size=12).map(lambda rows: b"\n".join([",".join(COLUMNS).encode(), *rows])),
    min_size=1, max_size=3,
)  # fmt: skip


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Shop, Project]]:
    found = {}
    for kind in ("jsonl", "csv"):
        shop = make_shop(tmp_path_factory.mktemp(kind) / "shop", format=kind, **RULES)
        found[kind] = (shop, shop.project())
    return found


def landed_by(way: str, project: Project) -> list[Any]:
    """What the files give, by the fast way for all that is plain, or by the contract alone."""
    with pytest.MonkeyPatch.context() as patch, _memory() as warehouse:
        patch.setattr(fast, "LEAST_ROWS", 0 if way == "fast" else 10**9)
        land.land(warehouse, project, NOW)
        return [warehouse.rows(f"select * from work.{table} order by all") for table in TABLES]


def put(shop: Shop, contents: list[bytes]) -> None:
    for number in range(3):
        (shop.landing / "web" / f"{number}.x").unlink(missing_ok=True)
    for number, content in enumerate(contents):
        shop.deliver(f"web/{number}.x", content)


SLOW_START = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW_START
@given(contents=FILES)
def test_lines_of_json_land_the_same_by_the_fast_way(shops: dict[str, Any], contents: list[bytes]) -> None:
    shop, project = shops["jsonl"]
    put(shop, contents)
    assert landed_by("fast", project) == landed_by("contract", project)


@settings(SLOW_START, max_examples=6)
@given(contents=CSV_FILES)
def test_csv_records_land_the_same_by_the_fast_way(shops: dict[str, Any], contents: list[bytes]) -> None:
    shop, project = shops["csv"]
    put(shop, contents)
    assert landed_by("fast", project) == landed_by("contract", project)


@settings(SLOW_START, max_examples=5)
@given(contents=FILES)
def test_it_makes_no_difference_how_many_rows_make_a_chunk(shops: dict[str, Any], contents: list[bytes]) -> None:
    shop, project = shops["jsonl"]
    put(shop, contents)
    whole = landed_by("fast", project)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in ((chunks, "CHUNK_ROWS", 5), (chunks, "GROUP_ROWS", 3), (readers, "GROUP_ROWS", 3),
                                    (lines, "CHUNK_BYTES", 40)):  # fmt: skip
            patch.setattr(module, name, value)
        assert landed_by("fast", project) == whole


def test_plain_rows_do_go_by_the_fast_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [row(1), row(2), row(3, user="ada@example.com"), row(2), row(4, n="x")])
    careful: list[int] = []
    load_chunk = land._load_chunk
    monkeypatch.setattr(fast, "LEAST_ROWS", 0)
    monkeypatch.setattr(
        land, "_load_chunk", lambda *given: (careful.append(sum(map(len, given[2]))), load_chunk(*given))
    )
    shop.land()
    assert careful == [4]
    assert shop.ids() == ["e1", "e2", "e3"]


def test_of_rows_with_one_key_the_first_counts_whichever_way_it_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "LEAST_ROWS", 0)
    monkeypatch.setattr("journey_analytics.landing.chunks.CHUNK_ROWS", 2)
    monkeypatch.setattr(lines, "CHUNK_BYTES", 100)
    shop = make_shop(tmp_path / "shop", key=["user"])
    told = [row(1, user="u1", n="x"), row(2, user="u2"), row(3, user="u1"), row(4, user="u2"), row(5, user="ada@a.de"),
            row(6, user="ADA@a.de"), row(7), row(8, user="u1")]  # fmt: skip
    shop.deliver("web/a.jsonl", told)
    shop.land()
    assert shop.ids() == ["e2", "e3", "e5", "e7"]


@settings(max_examples=40, deadline=None)
@given(text=st.text(st.sampled_from("?&#=aub/"), max_size=14), keep=st.sampled_from([("a",), ("u", "ab"), ("a=",)]))
def test_the_parameters_that_stay_are_those_a_pattern_finds(text: str, keep: tuple[str, ...]) -> None:
    address = text.split("#")[0]
    found = [re.search(rf"[?&]({name}=[^&#]*)", address) for name in keep]
    kept = "&".join(match[1] for match in found if match)
    bare = address.split("?")[0]
    expected = text if not re.search("[?#]", text) else bare + ("?" + kept if kept else "") if "?" in text else bare
    warehouse = in_memory()
    assert warehouse.scalar(f"select {kept_address('$1', keep)}", [text]) == expected
    warehouse.close()


@pytest.mark.parametrize("file", sorted(home().rglob("*/sources/**/*.yml")), ids=lambda file: file.stem)
def test_the_fast_way_is_open_to_every_feed_that_comes_with_the_tool(file: Path) -> None:
    source = Source.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    warehouse = in_memory()
    with warehouse.offered("incoming", readers.table_of([], readers.schema_of(source))):
        for sql in (plain_query(source), key_query(source)):
            assert warehouse.rows(sql) == []
    warehouse.close()
