"""Files that come late, twice, changed, cut, empty or many at once."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import test_drift
import test_duplicates
import test_gate
import test_measures
from shop_builder import NIGHTLY, WEB, Shop, make_shop, row, text_csv
from test_rowrules import notes

from journey_analytics.claims.findings import find
from journey_analytics.errors import InputError
from journey_analytics.facts.expectations import FeedExpectation
from journey_analytics.judge import judge_feeds
from journey_analytics.landing import chunks
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.warehouse import Warehouse

IS_SMALL = os.environ.get("JOURNEY_SLOW") == "small"
house, warehouse = test_gate.house, test_measures.warehouse


def statuses(shop: Shop) -> dict[str, str]:
    return {name.removeprefix("web/"): entry["status"] for name, entry in shop.ledger().items()}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return make_shop(tmp_path / "shop")


def test_s02_a_file_delivered_again_under_its_name_replaces_all_that_it_brought(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1, n=1), row(2, n="x")])
    shop.land()
    shop.deliver("web/a.jsonl", [row(1, n=5), row(3)])
    shop.land()
    assert [(found["id"], found["n"]) for found in shop.landed()] == [("e1", 5), ("e3", None)]
    assert (len(shop.ledger()), shop.reasons()) == (1, [])


def test_s03_a_file_delivered_twice_or_under_another_name_brings_its_rows_once_and_is_counted(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1)])
    shop.deliver("web/copy.jsonl", [row(1)])
    shop.deliver("web/more.jsonl", [row(1), row(2)])
    shop.land()
    assert statuses(shop) == {"a.jsonl": "loaded", "copy.jsonl": "copy", "more.jsonl": "loaded"}
    assert (shop.ids(), shop.ledger()["web/more.jsonl"]["n_duplicate"]) == (["e1", "e2"], 1)


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_s04_of_an_event_told_twice_the_one_received_last_is_kept_and_the_conflict_counted(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    shop = make_shop(tmp_path / "shop", columns=test_duplicates.RECEIVED, latest_by="got")
    for got in order:
        shop.deliver(f"web/{got}.jsonl", [test_duplicates.told(1, int(got), got)])
        shop.land()
    assert [found["n"] for found in shop.landed("n")] == [2]
    assert [(note, n) for note, _, _, n, _ in notes(shop)] == [("conflict", 1)]


def test_s05_events_without_an_id_are_known_by_what_they_say_and_counted(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "id": {"type": "text"}, "row_id": {"type": "content"}}
    shop = make_shop(tmp_path / "shop", columns=columns, key=["row_id"])
    shop.deliver("web/a.jsonl", [row(1, id=None), row(1, id=None), row(2, id=None)])
    shop.land()
    assert (len(shop.landed()), [note[:1] for note in notes(shop)]) == (2, [("content_key",)])


def test_s06_an_id_that_is_used_again_on_another_day_is_told_apart_by_a_key_with_the_day_or_warned_of(
    tmp_path: Path,
) -> None:
    again = [row(1), row(1, at="2026-03-05T00:00:00Z", n=1)]
    columns = {**WEB["columns"], "day": {"type": "date", "from": "at"}}
    shops = [make_shop(tmp_path / "a"), make_shop(tmp_path / "b", columns=columns, key=["id", "day"])]
    for shop in shops:
        shop.deliver("web/a.jsonl", again)
        shop.land()
    assert [(len(shop.ids()), [note[:3] for note in notes(shop)]) for shop in shops] == [
        (1, [("reused_key", "id", "warn")]),
        (2, []),
    ]


@pytest.mark.parametrize("content", ["", text_csv().strip(), text_csv()])
def test_s07_an_empty_file_ends_the_night_where_its_feed_is_required(tmp_path: Path, content: str) -> None:
    shop = make_shop(tmp_path / "shop", format="csv")
    shop.deliver("web/a.csv", content)
    (landed,) = shop.land()
    assert (landed.counts["n_read"], statuses(shop)) == (0, {"a.csv": "loaded"})
    shop.source(format="csv", required=True)
    with pytest.raises(InputError, match="0 usable rows"):
        shop.land()


def test_s07_an_empty_feed_freezes_what_rests_on_it(house: Warehouse) -> None:
    test_gate.unfit(house, "surveys", "empty")
    assert test_gate.frozen(house) == {"till csat"}


def test_s08_a_feed_without_files_ends_the_night_where_it_is_required_and_degrades_it_where_not(shop: Shop) -> None:
    assert [(feed.n_files, feed.n_new_files) for feed in shop.land()] == [(0, 0)]
    shop.write("nightly.yml", {**NIGHTLY, "sources": ["web", "till"]})
    shop.write("sources/till.yml", {**WEB, "source": "till", "lands": "till/*", "required": True})
    with pytest.raises(InputError, match="no file of the required feed till has arrived"):
        shop.land()


def test_s09_a_late_feed_freezes_what_rests_on_it_and_the_rest_is_judged(house: Warehouse) -> None:
    before = {row["finding_id"]: row["status"] for row in find(house)}
    test_gate.unfit(house, "mail", "late")
    after = {row["finding_id"]: row["status"] for row in find(house) if row["kind"] != "data"}
    changed = {key for key, status in after.items() if status != before[key]}
    assert {after[key] for key in changed} == {"frozen"}
    assert 0 < len(changed) < len(after)


@pytest.mark.parametrize(("ratio", "is_met"), [(10.0, False), (0.1, False), (1.1, True)])
def test_s10_ten_times_or_a_tenth_of_the_usual_rows_freeze_and_are_no_drop(
    warehouse: Warehouse, ratio: float, is_met: bool
) -> None:
    warehouse.execute("delete from ops.feed_days where source = 'web'")
    days = [{"source": "web", "on_date": "2026-10-31", "n_rows": 5, "rows_vs_same_weekday": ratio}]
    warehouse.append("ops.feed_days", days)
    expectation = FeedExpectation("rows_vs_same_weekday", between=(0.5, 2.0), otherwise="freeze")
    (check,) = judge_feeds(warehouse, {"web": [expectation]})
    assert (check.is_met, check.level) == (is_met, "freeze")


def test_s11_a_row_that_comes_a_day_or_a_week_late_joins_the_day_on_which_it_happened(shop: Shop) -> None:
    for night, day in enumerate(("2026-03-08", "2026-03-07", "2026-03-01")):
        shop.deliver(f"web/{night}.jsonl", [row(night, at=f"{day}T10:00:00Z")])
        shop.land()
    days = shop.rows('select "at"::date as on_date from work.landing.web order by id')
    assert [found["on_date"].day for found in days] == [8, 7, 1]
    assert {entry["n_loaded"] for entry in shop.ledger().values()} == {1}


def test_s12_a_clock_five_minutes_ahead_is_put_right_and_counted_and_one_two_days_ahead_refused(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", clock_tolerance="5 minutes")
    shop.deliver("web/a.jsonl", [row(1, at="2026-03-10T02:05:00Z"), row(2, at="2026-03-12T02:00:00Z")])
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["e1"], [["at lies in the future"]])
    assert notes(shop)[0][:4] == ("clamped_time", "at", "evolve", 1)


def test_s13_what_happened_before_the_shop_or_after_tonight_is_refused(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", plausible={"after": "2020-01-01"})
    stamps = ["2019-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2999-01-01T00:00:00Z", "1970-01-01T00:00:00Z"]
    shop.deliver("web/a.jsonl", [row(n, at=stamp) for n, stamp in enumerate(stamps)])
    shop.land()
    early, late = ["at lies before 2020-01-01"], ["at lies in the future"]
    assert shop.reasons() == [early, early, late, early]


def test_s14_stamps_of_many_zones_are_instants_and_one_that_names_none_needs_the_feeds_zone(tmp_path: Path) -> None:
    stamps = ["2026-03-01T10:00:00Z", "2026-03-01T11:00:00+01:00", "2026-03-01 10:00:00"]
    for zone, n_kept in ((None, 2), ("Europe/Berlin", 3)):
        shop = make_shop(tmp_path / str(zone), time_zone=zone)
        shop.deliver("web/a.jsonl", [row(n, at=stamp) for n, stamp in enumerate(stamps)])
        shop.land()
        hours = [found["at"].hour for found in shop.landed('"at"')]
        assert hours == [10, 10, 9][:n_kept]


def test_s15_a_local_time_that_does_not_exist_is_refused_and_one_that_exists_twice_is_counted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", time_zone="Europe/Berlin")
    shop.deliver("web/a.jsonl", [row(1, at="2025-03-30 02:30:00"), row(2, at="2025-10-26 02:30:00")])
    shop.land()
    assert (shop.ids(), len(shop.reasons())) == (["e2"], 1)
    assert [note[0] for note in notes(shop)] == ["ambiguous_time"]
    assert shop.landed('"at"') == [{"at": datetime.datetime(2025, 10, 26, 1, 30)}]


def test_s16_rows_that_come_in_any_order_land_as_the_same_rows(tmp_path: Path) -> None:
    rows = [row(n, n=n) for n in range(30)]
    found = []
    for name, order in (("a", rows), ("b", rows[::-1])):
        shop = make_shop(tmp_path / name)
        shop.deliver("web/a.jsonl", order)
        shop.land()
        found.append(shop.rows("select * exclude (file_id, row_number) from work.landing.web order by all"))
    assert found[0] == found[1]


def test_s18_cut_and_corrupt_files_and_wrong_endings_are_refused_and_the_others_load(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", format="parquet")
    (shop.landing / "web").mkdir()
    good = shop.landing / "web" / "good.parquet"
    pa.parquet.write_table(pa.table({"id": ["1"], "at": ["2026-03-01T00:00:00Z"]}), good)
    raw = good.read_bytes()
    for name, content in {"cut": raw[:-20], "flipped": b"PAR1" + b"\0" * 60 + b"PAR1", "text": b"id,at\n1,2\n"}.items():
        (shop.landing / "web" / f"{name}.parquet").write_bytes(content)
    shop.land()
    refused = dict.fromkeys(("cut.parquet", "flipped.parquet", "text.parquet"), "refused")
    assert (statuses(shop), shop.ids()) == ({"good.parquet": "loaded", **refused}, ["1"])


@pytest.mark.slow
def test_s19_ten_thousand_small_files_land_in_one_night(shop: Shop) -> None:
    count = 300 if IS_SMALL else 10_000
    for number in range(count):
        shop.deliver(f"web/{number:05d}.jsonl", [row(number)])
    (landed,) = shop.land()
    assert (landed.counts["n_loaded"], len(shop.ledger())) == (count, count)


def test_s20_a_file_that_is_gone_or_forbidden_while_it_is_read_leaves_nothing_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = shop.deliver("web/a.jsonl", [row(1), row(2)])
    shop.deliver("web/b.jsonl", [row(1, n=5), row(3)])
    read = chunks.read_file

    def read_and_lose(path: Path, *rest: Any) -> Iterator[Any]:
        yield from read(path, *rest)
        if path == gone:
            raise UnreadableFile("cannot be read: Permission denied")

    monkeypatch.setattr(chunks, "read_file", read_and_lose)
    shop.land()
    assert (statuses(shop), shop.ids()) == ({"a.jsonl": "refused", "b.jsonl": "loaded"}, ["e1", "e3"])


@pytest.mark.parametrize(("follows", "n_rows"), [("evolve", 5), ("freeze", 5), ("reject_row", 2)])
def test_s21_a_column_that_is_new_does_what_the_contract_says(tmp_path: Path, follows: str, n_rows: int) -> None:
    shop = make_shop(tmp_path / "shop", format="csv", on_new_column=follows)
    shop.deliver("web/1.csv", text_csv(*test_drift.records(0, 2)))
    shop.deliver("web/2.csv", text_csv(*test_drift.records(2, 3, "x"), header=test_drift.NEW))
    shop.land()
    assert (len(shop.ids()), [note[:3] for note in notes(shop)]) == (n_rows, [("new_column", "coupon", follows)])


def test_s22_a_required_column_that_is_gone_ends_the_night_and_an_optional_one_is_empty_with_a_warning(
    tmp_path: Path,
) -> None:
    shop = make_shop(tmp_path / "shop", format="csv")
    shop.deliver("web/1.csv", text_csv(*test_drift.records(0, 2)))
    shop.deliver("web/2.csv", text_csv("e9,2026-03-01,u,,", header="id,at,user,email,ip"))
    shop.land()
    assert [note[:4] for note in notes(shop)] == [("missing_column", "n", "warn", 1)]
    shop.deliver("web/3.csv", text_csv("e8,u", header="id,user"))
    with pytest.raises(InputError, match="the required column at is gone") as stopped:
        shop.land()
    assert stopped.value.exit_code == 20


def test_s23_a_value_that_is_new_keeps_its_row_and_is_counted_by_name(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "channel": {"type": "text", "values": ["web", "mail"]}}
    shop = make_shop(tmp_path / "shop", columns=columns)
    shop.deliver("web/a.jsonl", [row(1, channel="web"), row(2, channel="pigeon")])
    shop.land()
    assert (shop.ids(), notes(shop)) == (["e1", "e2"], [("new_value", "channel", "warn", 1, "pigeon")])


@pytest.mark.slow
def test_s26_a_year_that_comes_in_one_night_lands_as_it_would_have_night_by_night(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("journey_analytics.landing.chunks.CHUNK_ROWS", 500)
    days = [datetime.date(2025, 3, 1) + datetime.timedelta(days=n) for n in range(30 if IS_SMALL else 365)]
    shops = [make_shop(tmp_path / name) for name in ("at_once", "night_by_night")]
    for number, day in enumerate(days):
        rows = [row(100 * number + n % 90, at=f"{day}T10:00:{n % 60:02d}Z", n=n) for n in range(100)]
        for shop in shops:
            shop.deliver(f"web/{day}.jsonl", rows)
        shops[1].land()
    shops[0].land()
    tables = ("landing.web", "ops.loads", "ops.rejects", "ops.load_notes")
    at_once, night_by_night = (
        [shop.rows(f"select * from work.{table} order by all") for table in tables] for shop in shops
    )
    assert at_once == night_by_night
