"""A file is taken when it is whole: until then it waits, is listed as in flight, and the next night takes it."""

from __future__ import annotations

import os
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from shop_builder import NOW, Shop, make_shop, row

from journey_analytics.errors import ConfigErrors, InputError

NIGHT = NOW.replace(tzinfo=UTC).timestamp()


def statuses(shop: Shop) -> dict[str, tuple[str, str | None]]:
    return {
        entry["file"].removeprefix("web/"): (entry["status"], entry["reason"])
        for entry in shop.rows("select * from work.ops.loads order by file, status")
    }


def touched(path: Path, minutes: float) -> None:
    """Say that a file was written to so many minutes before the night began."""
    os.utime(path, (NIGHT - 60 * minutes, NIGHT - 60 * minutes))


def test_s01_a_file_that_still_grows_waits_and_the_next_night_takes_it(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", complete={"ready_when": "unchanged_for 10 minutes"})
    touched(shop.deliver("web/a.jsonl", [row(1)]), 11)
    touched(shop.deliver("web/b.jsonl", [row(2)]), 9)
    (landed,) = shop.land()
    why = "was written to less than 10 minutes before the night began"
    assert statuses(shop) == {"a.jsonl": ("loaded", None), "b.jsonl": ("in_flight", why)}
    assert (landed.n_files, landed.n_new_files, landed.waiting) == (1, 1, {"web/b.jsonl": why})
    shop.land(NOW + timedelta(days=1))
    assert statuses(shop) == {"a.jsonl": ("loaded", None), "b.jsonl": ("loaded", None)}
    assert shop.ids() == ["e1", "e2"]


def test_a_file_that_is_being_replaced_keeps_the_rows_it_brought_until_the_new_one_is_whole(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", complete={"ready_when": "unchanged_for 10 minutes"})
    touched(shop.deliver("web/a.jsonl", [row(1)]), 60)
    shop.land()
    touched(shop.deliver("web/a.jsonl", [row(2)]), 1)
    shop.land()
    assert shop.ids() == ["e1"]
    assert sorted(entry["status"] for entry in shop.rows("from work.ops.loads")) == ["in_flight", "loaded"]
    shop.land(NOW + timedelta(hours=1))
    assert shop.ids() == ["e2"]
    assert statuses(shop) == {"a.jsonl": ("loaded", None)}


@pytest.mark.parametrize("ending", [".tmp", ".part", ".partial", ".filepart"])
@pytest.mark.parametrize("lands", ["web/*", "web/*.jsonl"])
def test_a_file_whose_name_says_that_it_is_being_written_waits_for_its_own_name(
    tmp_path: Path, ending: str, lands: str
) -> None:
    shop = make_shop(tmp_path / "shop", lands=lands)
    path = shop.deliver(f"web/a.jsonl{ending}", [row(1)])
    shop.deliver("web/b.jsonl", [row(2)])
    shop.land()
    assert statuses(shop) == {
        f"a.jsonl{ending}": ("in_flight", "is still being written, as its name says"), "b.jsonl": ("loaded", None),
    }  # fmt: skip
    path.rename(path.with_suffix(""))
    shop.land()
    assert (list(statuses(shop)), shop.ids()) == (["a.jsonl", "b.jsonl"], ["e1", "e2"])


@pytest.mark.parametrize(("marker", "beside"), [("_SUCCESS", "_SUCCESS"), ("{file}.done", "a.jsonl.done")])
def test_a_file_waits_for_its_marker(tmp_path: Path, marker: str, beside: str) -> None:
    shop = make_shop(tmp_path / "shop", lands="web/*/*.jsonl", complete={"marker": marker})
    shop.deliver("web/2026-03-01/a.jsonl", [row(1)])
    shop.deliver("web/2026-03-02/a.jsonl", [row(2)])
    shop.deliver(f"web/2026-03-01/{beside}", "")
    shop.land()
    assert statuses(shop) == {
        "2026-03-01/a.jsonl": ("loaded", None), "2026-03-02/a.jsonl": ("in_flight", f"waits for {beside} beside it"),
    }  # fmt: skip
    shop.deliver(f"web/2026-03-02/{beside}", "")
    (shop.landing / "web" / "2026-03-01" / beside).unlink()
    shop.land()
    assert shop.ids() == ["e1", "e2"]
    assert {status for status, _ in statuses(shop).values()} == {"loaded"}


def test_a_required_feed_of_which_everything_is_on_its_way_says_so(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", required=True, complete={"marker": "_SUCCESS"})
    shop.deliver("web/a.jsonl", [row(1)])
    with pytest.raises(InputError, match="has arrived; 1 are still on their way"):
        shop.land()


@pytest.mark.parametrize(
    ("lands", "taken"),
    [
        ("web/*.jsonl", ["web/a.jsonl"]),
        ("web/**/*.jsonl", ["web/2026/03/01.jsonl", "web/2026/b.jsonl", "web/a.jsonl"]),
        ("web/*/*/0?.jsonl", ["web/2026/03/01.jsonl"]),
        (["web/a.*", "web/2026/*.jsonl"], ["web/2026/b.jsonl", "web/a.jsonl"]),
    ],
)
def test_files_are_found_in_dated_folders(tmp_path: Path, lands: Any, taken: list[str]) -> None:
    shop = make_shop(tmp_path / "shop", lands=lands)
    for number, name in enumerate(["web/a.jsonl", "web/2026/b.jsonl", "web/2026/03/01.jsonl", "other/c.jsonl"]):
        shop.deliver(name, [row(number)])
    shop.land()
    assert list(shop.ledger()) == taken


def test_links_within_the_landing_folder_are_followed_and_those_out_of_it_are_not(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", lands="web/*/*.jsonl")
    shop.deliver("archive/day/a.jsonl", [row(1)])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.jsonl").write_text('{"id": "secret"}\n')
    (shop.landing / "web").mkdir()
    (shop.landing / "web" / "day").symlink_to("../archive/day")
    (shop.landing / "web" / "out").symlink_to(tmp_path / "elsewhere")
    shop.land()
    assert (list(shop.ledger()), shop.ids()) == (["web/day/a.jsonl"], ["e1"])


@pytest.mark.parametrize(
    ("complete", "said"),
    [
        ({}, "`complete` says `ready_when"),
        ({"ready_when": "soon"}, "'soon' says nothing of when a file is whole"),
        ({"ready_when": "unchanged_for a while"}, "is not a duration"),
        ({"marker": "../_SUCCESS"}, "pattern"),
        ({"marker": "{file}"}, "is not the name of another file"),
        ({"maker": "_SUCCESS"}, "did you mean 'marker'"),
    ],
)
def test_a_mistake_in_complete_is_told_before_the_night(tmp_path: Path, complete: dict[str, str], said: str) -> None:
    shop = make_shop(tmp_path / "shop", complete=complete)
    with pytest.raises(ConfigErrors, match=said):
        shop.project()


def test_a_file_that_brought_no_row_may_go_before_the_feed_is_landed_again(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [row(1)])
    empty = shop.deliver("web/b.jsonl", [])
    shop.land()
    empty.unlink()
    shop.source(time_zone="Europe/Berlin")
    shop.land()
    assert shop.ids() == ["e1"]
