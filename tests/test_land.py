"""Files land once and whole: every row is accounted for, whatever the files hold and in whichever order they come."""

from __future__ import annotations

import datetime
import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop_builder import KEY, NIGHTLY, NOW, WEB, Shop, make_shop, row, text_csv

from journey_analytics import ledger
from journey_analytics.errors import ConfigError, InputError
from journey_analytics.landing import chunks, deliveries, land
from journey_analytics.warehouse import Warehouse, in_memory

PARTS = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope")


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path / "shop")


def statuses(shop: Shop) -> dict[str, str]:
    return {name.removeprefix("web/"): entry["status"] for name, entry in shop.ledger().items()}


def everything(shop: Shop) -> list[Any]:
    with shop.opened() as warehouse:
        return [
            warehouse.rows(f"select * from work.{table} order by all")
            for table in ("landing.web", "ops.loads", "ops.rejects")
        ]


def test_the_same_files_twice_change_nothing(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1), row(2), row(1), row(3, n="x")])
    shop.deliver("web/b.jsonl.gz", [row(4)])
    first = shop.land()
    before = everything(shop)
    second = shop.land()
    assert (first[0].n_new_files, second[0].n_new_files) == (2, 0)
    assert everything(shop) == before


def test_a_file_that_was_only_touched_is_known_by_its_bytes(shop: Shop) -> None:
    path = shop.deliver("web/a.jsonl", [row(1)])
    shop.land()
    before = everything(shop)
    os.utime(path, (1, 1))
    shop.land()
    assert everything(shop) == before


def test_every_row_of_a_file_is_accounted_for(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1), row(2), row(1), row(3, n="x")])
    shop.land()
    entry = shop.ledger()["web/a.jsonl"]
    assert (entry["n_read"], [entry[part] for part in PARTS]) == (4, [2, 1, 1, 0])
    assert (entry["first_event_at"], entry["last_event_at"]) == (
        datetime.datetime(2026, 3, 1, 10, 1),
        datetime.datetime(2026, 3, 1, 10, 2),
    )


@pytest.mark.parametrize("nights", [1, 2])
def test_a_renamed_copy_is_told_and_not_loaded(shop: Shop, nights: int) -> None:
    shop.deliver("web/a.jsonl", [row(1)])
    if nights == 2:
        shop.land()
    shop.deliver("web/b.jsonl", [row(1)])
    shop.land()
    assert statuses(shop) == {"a.jsonl": "loaded", "b.jsonl": "copy"}
    assert shop.ledger()["web/b.jsonl"]["reason"] == "holds the same bytes as web/a.jsonl"
    assert shop.ids() == ["e1"]


@pytest.mark.parametrize("nights", [1, 2])
def test_of_a_key_in_two_files_the_first_by_name_is_kept(shop: Shop, nights: int) -> None:
    shop.deliver("web/a.jsonl", [row(1, n=1), row(2)])
    if nights == 2:
        shop.land()
    shop.deliver("web/b.jsonl", [row(3), row(1, n=2)])
    shop.land()
    assert [found["n"] for found in shop.rows("select n from work.landing.web where id = 'e1'")] == [1]
    assert [shop.ledger()[f"web/{name}.jsonl"]["n_duplicate"] for name in "ab"] == [0, 1]


def test_a_row_whose_key_has_a_gap_is_nobodys_duplicate(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", key=["id", "user"])
    shop.deliver("web/a.jsonl", [row(1, user=None), row(1, user=None), row(1), row(1)])
    shop.land()
    assert shop.ledger()["web/a.jsonl"]["n_duplicate"] == 1


def test_the_order_in_which_files_came_and_were_changed_does_not_matter(tmp_path: Path) -> None:
    landed = []
    for order in ([1, 2, 3], [3, 1, 2]):
        shop = make_shop(tmp_path / f"shop{order[0]}")
        for moment, number in enumerate(order):
            path = shop.deliver(f"web/{number}.jsonl", [row(number), row(9, n=number)])
            os.utime(path, (1000 + moment, 1000 + moment))
        shop.land()
        landed.append(shop.rows("select * from work.landing.web order by id"))
    assert landed[0] == landed[1]


def cut(rows: list[dict[str, Any]]) -> bytes:
    packed = gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode())
    return packed[:-12]


def test_a_file_that_breaks_off_is_refused_whole_and_the_others_load(shop: Shop) -> None:
    (shop.landing / "web").mkdir()
    (shop.landing / "web" / "a.jsonl.gz").write_bytes(cut([row(number) for number in range(50)]))
    shop.deliver("web/b.jsonl", [row(1), row(2)])
    landed = shop.land()
    assert statuses(shop) == {"a.jsonl.gz": "refused", "b.jsonl": "loaded"}
    assert list(landed[0].refused) == ["web/a.jsonl.gz"]
    assert (shop.ids(), shop.ledger()["web/a.jsonl.gz"]["n_read"]) == (["e1", "e2"], 0)


def test_rows_are_no_duplicates_of_rows_that_were_taken_back(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cut file's first rows have landed, and pushed another file's away, when it is seen to be cut."""
    monkeypatch.setattr("journey_analytics.landing.chunks.CHUNK_ROWS", 10)
    monkeypatch.setattr("journey_analytics.landing.lines.CHUNK_BYTES", 500)
    (shop.landing / "web").mkdir()
    (shop.landing / "web" / "b.jsonl.gz").write_bytes(cut([row(number) for number in range(50)]))
    shop.deliver("web/a.jsonl", [row(0), row(100)])
    shop.deliver("web/c.jsonl", [row(1), row(2), row(200, n="x")])
    shop.land()
    assert statuses(shop) == {"a.jsonl": "loaded", "b.jsonl.gz": "refused", "c.jsonl": "loaded"}
    assert shop.ids() == ["e0", "e1", "e100", "e2"]
    assert [shop.ledger()["web/c.jsonl"][part] for part in PARTS] == [2, 0, 1, 0]


def test_a_corrected_file_loads_and_its_refusal_is_forgotten(shop: Shop) -> None:
    (shop.landing / "web").mkdir()
    (shop.landing / "web" / "a.jsonl.gz").write_bytes(cut([row(1)]))
    shop.land()
    shop.land()
    assert statuses(shop) == {"a.jsonl.gz": "refused"}
    shop.deliver("web/a.jsonl.gz", [row(1)])
    shop.land()
    assert (statuses(shop), shop.ids()) == ({"a.jsonl.gz": "loaded"}, ["e1"])
    assert len(shop.rows("select * from work.ops.loads")) == 1


def test_other_bytes_under_the_same_name_replace_what_it_brought(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1, n=1), row(2), row(3, n="x")])
    shop.deliver("web/copy.jsonl", [row(1, n=1), row(2), row(3, n="x")])
    shop.land()
    shop.deliver("web/a.jsonl", [row(1, n=5), row(4)])
    shop.land()
    assert statuses(shop) == {"a.jsonl": "loaded", "copy.jsonl": "loaded"}
    assert [(found["id"], found["n"]) for found in shop.rows("select id, n from work.landing.web order by id")] == [
        ("e1", 5), ("e2", None), ("e4", None),
    ]  # fmt: skip
    assert [shop.ledger()["web/copy.jsonl"][part] for part in PARTS] == [1, 1, 1, 0]


def test_a_feed_without_a_key_can_grow_without_being_counted_twice(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", key=[])
    shop.deliver("web/a.jsonl", [row(1), row(1)])
    shop.land()
    shop.deliver("web/a.jsonl", [row(1), row(1), row(2)])
    shop.land()
    assert shop.ids() == ["e1", "e1", "e2"]


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_night(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.deliver("web/a.jsonl", [row(1)])
    shop.deliver("web/b.jsonl", [row(1, n=2)])
    read = chunks.read_file

    def read_and_grow(each: Path, *rest: Any) -> Any:
        yield from read(each, *rest)
        if each == path:
            with each.open("a") as file:
                file.write(json.dumps(row(3)) + "\n")

    monkeypatch.setattr(chunks, "read_file", read_and_grow)
    shop.land()
    assert (statuses(shop), shop.ids()) == ({"a.jsonl": "in_flight", "b.jsonl": "loaded"}, ["e1"])
    monkeypatch.setattr(chunks, "read_file", read)
    shop.land()
    assert (statuses(shop), shop.ids()) == ({"a.jsonl": "loaded", "b.jsonl": "loaded"}, ["e1", "e3"])


@pytest.mark.parametrize(
    "change",
    [
        {"columns": {**WEB["columns"], "more": {"type": "text", "from": "user"}}},
        {"columns": {**WEB["columns"], "n": {"type": "text"}}},
        {"time_zone": "Europe/Berlin"},
        {"rows": [{"refuse": "n = 5", "because": "five"}]},
    ],
)
def test_a_changed_contract_lands_its_feed_again_from_the_files(shop: Shop, change: dict[str, Any]) -> None:
    shop.deliver("web/a.jsonl", [{**row(1, n=5), "at": "2026-03-01 10:00:00"}])
    shop.land()
    before = everything(shop)
    shop.source(**change)
    shop.land()
    after = everything(shop)
    shop.source()
    shop.land()
    assert after != before
    assert everything(shop) == before


def test_a_new_key_makes_every_email_key_anew(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.deliver("web/a.jsonl", [row(1, email="ada@example.com")])
    shop.land()
    before = shop.landed("email_key, file_id, row_number")
    monkeypatch.setenv("JOURNEY_KEY", KEY + " 2")
    shop.land()
    assert shop.landed("email_key, file_id, row_number") != before


def test_a_changed_contract_is_refused_while_files_are_gone(shop: Shop) -> None:
    path = shop.deliver("web/a.jsonl", [row(1)])
    shop.deliver("web/b.jsonl", [row(2)])
    shop.land()
    before = everything(shop)
    path.unlink()
    shop.land()
    shop.source(time_zone="Europe/Berlin")
    with pytest.raises(ConfigError, match="1 is gone: web/a.jsonl"):
        shop.land()
    assert everything(shop) == before


def test_a_late_file_joins_the_rows_of_earlier_nights(shop: Shop) -> None:
    shop.deliver("web/2026-03-02.jsonl", [row(2)])
    shop.land()
    shop.deliver("web/2026-03-01.jsonl", [row(1)])
    shop.land()
    assert shop.ids() == ["e1", "e2"]


def test_rows_of_the_future_are_refused_but_a_clock_may_be_a_day_ahead(shop: Shop) -> None:
    stamps = ["2026-03-10T01:00:00Z", "2026-03-11T01:59:00Z", "2026-03-11T02:01:00Z", "2999-01-01T00:00:00Z"]
    shop.deliver("web/a.jsonl", [{**row(number), "at": stamp} for number, stamp in enumerate(stamps)])
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["e0", "e1"], [["at lies in the future"]] * 2)


def test_a_required_feed_without_files_stops_the_night_and_keeps_nothing(shop: Shop) -> None:
    shop.write("nightly.yml", {**NIGHTLY, "sources": ["web", "till"]})
    shop.write("sources/till.yml", {**WEB, "source": "till", "lands": "till/*", "required": True})
    shop.deliver("web/a.jsonl", [row(1)])
    with pytest.raises(InputError) as stopped:
        shop.land()
    assert (stopped.value.exit_code, stopped.value.where) == (20, "till: till/*")
    assert "required: false" in stopped.value.do
    assert shop.rows("select * from work.ops.loads") == []
    shop.deliver("till/a.jsonl", [row(1)])
    shop.land()
    assert shop.ids() == ["e1"]


def test_an_optional_feed_without_files_does_not_stop_the_night(shop: Shop) -> None:
    assert [(feed.n_files, feed.n_new_files) for feed in shop.land()] == [(0, 0)]
    assert shop.landed() == []


def test_two_feeds_keep_to_themselves(shop: Shop) -> None:
    shop.write("nightly.yml", {**NIGHTLY, "sources": ["web", "till"]})
    shop.write("sources/till.yml", {**WEB, "source": "till", "lands": ["till/*.csv", "old/**/*.csv"], "format": "csv"})
    shop.deliver("web/a.jsonl", [row(1)])
    shop.deliver("till/a.csv", text_csv("e1,2026-03-01,,,,"))
    shop.deliver("old/x/y/a.csv", text_csv("e1,2026-03-01,,,,5", "e2,2026-03-01,,,,"))
    shop.land()
    assert (shop.ids(), [r["id"] for r in shop.rows("select id from work.landing.till order by id")]) == (
        ["e1"],
        ["e1", "e2"],
    )


def test_only_whole_files_below_the_landing_folder_are_taken(shop: Shop, tmp_path: Path) -> None:
    shop.deliver("web/a.jsonl", [row(1)])
    for name in ("b.jsonl.tmp", "c.part", ".hidden.jsonl", "_SUCCESS"):
        shop.deliver(f"web/{name}", [row(2)])
    outside = tmp_path / "outside.jsonl"
    outside.write_text(json.dumps(row(3)) + "\n")
    (shop.landing / "web" / "link.jsonl").symlink_to(outside)
    (shop.landing / "web" / "folder.jsonl").mkdir()
    (shop.landing / "web" / "loop.jsonl").symlink_to("loop.jsonl")
    project = shop.project()
    assert [path.name for path in deliveries.files_of(project, project.sources["web"])] == ["a.jsonl"]


def test_a_file_name_that_is_no_text_is_shown_as_what_it_is(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1)])
    hostile = os.fsdecode(b"\xff\x1b[31m\n.jsonl")
    (shop.landing / "web" / "a.jsonl").rename(shop.landing / "web" / hostile)
    shop.land()
    assert list(shop.ledger()) == ["web/\\udcff\\x1b[31m\\n.jsonl"]


@pytest.mark.parametrize(
    ("events", "ends"),
    [
        ({"web": ["2026-03-05T10:00:00Z"], "till": ["2026-03-07T10:00:00Z"]}, 6),
        ({"web": ["2026-03-05T23:59:59Z", "2026-03-06T00:00:00Z"], "till": ["2026-03-09T10:00:00Z"]}, 7),
        ({"web": ["2026-03-10T20:00:00Z"], "till": ["2026-03-09T10:00:00Z"]}, 10),
        ({"web": ["2026-03-10T20:00:00Z"], "till": ["2026-03-10T01:00:00Z"]}, 10),
    ],
)
def test_the_watermark_is_the_end_of_the_last_whole_day_of_every_required_feed(
    shop: Shop, events: dict[str, list[str]], ends: int
) -> None:
    shop.write("nightly.yml", {**NIGHTLY, "sources": [*events, "notes"]})
    for name in (*events, "notes"):
        shop.write(f"sources/{name}.yml", {**WEB, "source": name, "lands": f"{name}/*", "required": name != "notes"})
        stamps = events.get(name, ["2026-02-01T00:00:00Z"])
        shop.deliver(f"{name}/a.jsonl", [{**row(number), "at": at} for number, at in enumerate(stamps)])
    with shop.opened() as warehouse:
        land.land(warehouse, shop.project(), NOW)
        mark = land.watermark(warehouse, shop.project())
    assert mark == datetime.datetime(2026, 3, ends)


HOSTILE = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from(
            [b'{"id":"1","at":"2026-03-01T00:00:00Z"}', b'{"id":"2","at":"2026-03-01T00:00:00Z","n":"x"}',
             b"1,2026-03-01,a,b,c,5", b"id,at,user,email,ip,n", b'"', b'"a\nb"', b"\xef\xbb\xbf", b"\x00", b"\xff",
             b"[[[", b"{}", b",,,,,", b"\r", b"", b'{"n":1e999}']
        ),
        max_size=8,
    ).map(b"\n".join),
)  # fmt: skip


@pytest.fixture(scope="module")
def anything(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    shops = {}
    for kind in ("jsonl", "json", "csv", "parquet"):
        shop = make_shop(
            tmp_path_factory.mktemp(kind) / "shop", format=kind, out_of_scope=[{"when": "n = 5", "because": "x"}]
        )
        shops[kind] = (shop, shop.project())
    return shops


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(HOSTILE, min_size=1, max_size=2))
def test_whatever_the_files_hold_every_row_is_accounted_for_or_the_file_is_refused(
    anything: dict[str, Any], kind: str, contents: list[bytes]
) -> None:
    shop, project = anything[kind]
    for number in range(2):
        (shop.landing / "web" / f"{number}.x").unlink(missing_ok=True)
    for number, content in enumerate(contents):
        shop.deliver(f"web/{number}.x", content)
    with _memory() as warehouse:
        try:
            land.land(warehouse, project, NOW)
        except InputError as refused:
            assert "rows that web brought tonight are refused" in refused.reason  # noqa: PT017, both ends are right
            assert warehouse.scalar("select count(*) from work.ops.loads") == 0
            return
        loads = warehouse.rows("select * from work.ops.loads order by file")
        n_landed = warehouse.scalar("select count(*) from work.landing.web")
    assert len(loads) == len(contents)
    for entry in loads:
        assert sum(entry[part] for part in PARTS) == entry["n_read"]
        assert entry["status"] == "loaded" or (entry["reason"] and entry["n_read"] == 0)
    assert n_landed == sum(entry["n_loaded"] for entry in loads)
    if kind == "jsonl":
        wanted = sum(_lines(content) for content in dict.fromkeys(contents))
        assert sum(entry["n_read"] for entry in loads) == wanted


def _lines(content: bytes) -> int:
    text = content.removeprefix(b"\xef\xbb\xbf")
    return text.count(b"\n") + (not text.endswith(b"\n") and bool(text))


@contextmanager
def _memory() -> Iterator[Warehouse]:
    warehouse = in_memory()
    warehouse.execute("attach ':memory:' as work")
    ledger.ensure(warehouse)
    yield warehouse
    warehouse.close()
