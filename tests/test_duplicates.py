"""Of rows with the same key one lands, always the same one; what is left out although it differs is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from shop_builder import WEB, Shop, make_shop, row

RECEIVED = {**WEB["columns"], "got": {"type": "timestamp"}}
PARTS = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope")


def told(number: int, n: int, got: str | None) -> dict[str, Any]:
    return row(number, n=n, got=None if got is None else f"2026-03-0{got}T00:00:00Z")


def kept(shop: Shop) -> list[tuple[Any, Any]]:
    return [(found["id"], found["n"]) for found in shop.rows("select id, n from work.landing.web order by id")]


def notes(shop: Shop) -> list[tuple[Any, ...]]:
    rows = shop.rows("select note, follows, sum(n)::bigint as n from work.ops.load_notes group by all order by all")
    return [tuple(found.values()) for found in rows]


def is_conserved(shop: Shop) -> bool:
    landed = {found["file"]: found["n"] for found in shop.rows("""
        select file, count(landed.file_id) as n from work.ops.loads
        left join work.landing.web as landed using (file_id) group by file""")}  # fmt: skip
    return all(
        entry["n_read"] == sum(entry[part] for part in PARTS) and entry["n_loaded"] == landed[name]
        for name, entry in shop.ledger().items()
    )


def test_the_first_of_rows_that_differ_is_kept_and_the_others_are_counted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [row(1, n=1), row(1, n=2), row(1, n=1), row(2)])
    shop.land()
    shop.deliver("web/b.jsonl", [row(1, n=3), row(2)])
    shop.land()
    assert (kept(shop), notes(shop)) == ([("e1", 1), ("e2", None)], [("conflict", "evolve", 2)])
    assert is_conserved(shop)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
@pytest.mark.parametrize("nights", [1, 3])
def test_the_row_received_last_is_kept_in_whichever_order_they_come(
    tmp_path: Path, order: tuple[int, ...], nights: int
) -> None:
    shop = make_shop(tmp_path / "shop", columns=RECEIVED, latest_by="got")
    rows = [told(1, 7, "2"), told(1, 5, "4"), told(1, 6, None)]
    for number in order:
        shop.deliver(f"web/{number}.jsonl", [rows[number], told(9, 1, "1")])
        if nights == 3:
            shop.land()
    shop.land()
    assert kept(shop) == [("e1", 5), ("e9", 1)]
    assert is_conserved(shop)


def test_of_rows_received_together_the_same_one_is_kept_in_any_order(tmp_path: Path) -> None:
    found = []
    for name, order in (("a", (1, 2, 3)), ("b", (3, 2, 1))):
        shop = make_shop(tmp_path / name, columns=RECEIVED, latest_by="got")
        for night, n in enumerate(order):
            shop.deliver(f"web/{night}.jsonl", [told(1, n, "2")])
            shop.land()
        found.append(kept(shop))
    assert found[0] == found[1]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_row_that_says_the_same_again_is_no_newer_than_when_it_was_first_said(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    shop = make_shop(tmp_path / "shop", columns=RECEIVED, latest_by="got")
    rows = [told(1, 5, "1"), told(1, 7, "2"), told(1, 5, "4")]
    shop.deliver("web/a.jsonl", [rows[place] for place in order])
    shop.land()
    assert kept(shop) == [("e1", 7)]


def test_a_row_that_says_the_same_again_changes_nothing_however_late_it_comes(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", columns=RECEIVED, latest_by="got")
    shop.deliver("web/a.jsonl", [told(1, 5, "2")])
    shop.land()
    before = shop.landed()
    shop.deliver("web/b.jsonl", [told(1, 5, "4")])
    shop.land()
    assert (shop.landed(), notes(shop)) == (before, [])


def test_what_gave_way_to_a_file_that_breaks_off_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(tmp_path / "shop", columns=RECEIVED, latest_by="got")
    shop.deliver("web/a.jsonl", [told(1, 5, "2")])
    shop.land()
    before = shop.rows("select * from work.landing.web")
    monkeypatch.setattr("journey_analytics.landing.chunks.CHUNK_ROWS", 1)
    for module in ("packed", "lines"):
        monkeypatch.setattr(f"journey_analytics.landing.{module}.BLOCK_BYTES", 100, raising=False)
    path = shop.deliver("web/b.jsonl.gz", [told(1, 6, "4"), *(told(n, 1, "2") for n in range(10, 60))])
    path.write_bytes(path.read_bytes()[:-12])
    shop.land()
    assert shop.rows("select * from work.landing.web") == before
    assert is_conserved(shop)


def test_rows_without_an_id_are_known_by_what_they_say(tmp_path: Path) -> None:
    columns = {name: column for name, column in WEB["columns"].items() if name != "id"}
    shop = make_shop(tmp_path / "shop", columns={**columns, "row_id": {"type": "content"}}, key=["row_id"])
    rows = [{key: value for key, value in row(n, n=n % 2, email="a@b.de", ip=ip).items() if key != "id"}
            for n, ip in ((1, "1.1.1.1"), (1, "1.1.1.1"), (1, "1.1.1.2"), (2, "1.1.1.1"), (3, None))]  # fmt: skip
    shop.deliver("web/a.jsonl", [*rows[:4], {**rows[4], "n": "x"}])
    shop.deliver("web/b.jsonl", [rows[0], rows[4]])
    shop.land()
    found = shop.landed("row_id")
    assert (len(found), len({each["row_id"] for each in found}), len(found[0]["row_id"])) == (4, 4, 64)
    assert [shop.ledger()[f"web/{name}.jsonl"]["n_duplicate"] for name in "ab"] == [1, 1]
    assert notes(shop) == [("content_key", "evolve", 4)]


def test_a_key_that_comes_again_days_later_with_other_content_is_a_warning(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [row(1), row(1, at="2026-03-02T10:01:00Z"), row(1, at="2026-03-01T23:00:00Z")])
    shop.land()
    assert notes(shop) == [("conflict", "evolve", 1), ("reused_key", "warn", 1)]


def test_a_key_with_the_day_in_it_tells_reused_ids_apart(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "day": {"type": "date", "from": "at"}}
    shop = make_shop(tmp_path / "shop", columns=columns, key=["id", "day"])
    shop.deliver("web/a.jsonl", [row(1), row(1), row(1, at="2026-03-02T10:01:00Z")])
    shop.land()
    assert (len(shop.ids()), notes(shop)) == (2, [])
