"""The quarantine: looked at, counted by reason, taken out, and landed again after a fix without losing a row."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from shop_builder import NOW, WEB, Shop, make_shop, row

from journey_analytics.cli.main import main
from journey_analytics.errors import ConfigError, VerificationError
from journey_analytics.landing import rejects
from journey_analytics.landing.rejects import Filter, Replayed

PARTS = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope")
STRICT = {"rows": [{"refuse": "n > 5", "because": "too many"}]}


def everything(shop: Shop) -> list[Any]:
    with shop.opened() as warehouse:
        tables = ("landing.web", "ops.loads", "ops.rejects", "ops.load_notes")
        return [warehouse.rows(f"select * from work.{table} order by all") for table in tables]


def replayed(shop: Shop) -> list[Replayed]:
    with shop.opened() as warehouse:
        return rejects.replay(warehouse, shop.project(), NOW, ["web"])


def deliver(shop: Shop) -> None:
    shop.deliver("web/a.jsonl", [row(1, n=9), row(2), row(3, n="x"), row(4, n=7, user=None)])
    shop.deliver("web/b.jsonl", [row(1, n=1), row(5), {"at": "2026-03-01T10:00:00Z"}])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = make_shop(tmp_path / "shop", **STRICT)
    deliver(shop)
    shop.land()
    return shop


@pytest.fixture
def journey(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        return int(str(ended.value.code))

    return run


def test_after_a_fix_the_refused_rows_land_and_all_is_as_a_first_night_would_have_it(
    shop: Shop, tmp_path: Path
) -> None:
    shop.source()
    assert replayed(shop) == [Replayed("web", n_before=4, n_loaded=2, n_refused=2)]
    fresh = make_shop(tmp_path / "fresh")
    deliver(fresh)
    fresh.land()
    assert everything(shop) == everything(fresh)


def test_every_row_is_accounted_for_before_and_after_a_replay(shop: Shop) -> None:
    before = {name: entry["n_read"] for name, entry in shop.ledger().items()}
    shop.source()
    replayed(shop)
    for name, entry in shop.ledger().items():
        assert entry["n_read"] == before[name] == sum(entry[part] for part in PARTS)


def test_a_row_that_lands_may_make_another_its_duplicate(shop: Shop) -> None:
    assert [shop.ledger()[f"web/{name}.jsonl"]["n_duplicate"] for name in "ab"] == [0, 0]
    shop.source()
    replayed(shop)
    assert [shop.ledger()[f"web/{name}.jsonl"]["n_duplicate"] for name in "ab"] == [0, 1]


def test_a_refused_row_can_turn_out_to_be_a_duplicate_or_out_of_scope(shop: Shop) -> None:
    for name, of_six in (("0", row(6)), ("c", row(6, n=7))):
        shop.deliver(f"web/{name}.jsonl", [of_six])
        shop.land()
    shop.source(out_of_scope=[{"when": "n = 9", "because": "x"}])
    (found,) = replayed(shop)
    assert (found.n_before, found.n_loaded, found.n_refused, found.n_elsewhere) == (5, 1, 2, 2)


def test_a_replay_without_a_fix_changes_nothing(shop: Shop) -> None:
    before = everything(shop)
    assert replayed(shop) == [Replayed("web", n_before=4, n_loaded=0, n_refused=4)]
    assert everything(shop) == before


def test_a_replay_whose_files_are_gone_keeps_what_there_was(shop: Shop) -> None:
    before = everything(shop)
    (shop.landing / "web" / "a.jsonl").unlink()
    shop.source()
    with pytest.raises(ConfigError, match="1 is gone: web/a.jsonl"):
        replayed(shop)
    assert everything(shop) == before


def test_a_replay_that_reads_another_number_of_rows_keeps_what_there_was(shop: Shop) -> None:
    with shop.opened() as warehouse:
        warehouse.execute("update work.ops.loads set n_read = 9 where file = 'web/a.jsonl'")
    before = everything(shop)
    with pytest.raises(VerificationError, match="1 files hold another number of rows"):
        replayed(shop)
    assert everything(shop) == before


def test_a_night_with_a_mended_contract_brings_the_same_as_a_replay(shop: Shop, tmp_path: Path) -> None:
    shop.source()
    shop.land()
    other = make_shop(tmp_path / "other", **STRICT)
    deliver(other)
    other.land()
    other.source()
    replayed(other)
    assert everything(shop) == everything(other)


def test_reasons_are_counted_without_the_values_they_were_given_for(shop: Shop) -> None:
    with shop.opened() as warehouse:
        rows = rejects.summary(warehouse, Filter(), "work.ops.rejects")
    assert [(found["reason"], found["n_rows"], found["example"]) for found in rows] == [
        ("too many", 2, "web/a.jsonl:1"),
        ("id is missing", 1, "web/b.jsonl:3"),
        ("n is not a whole number", 1, "web/a.jsonl:3"),
    ]


@pytest.mark.parametrize(
    ("which", "numbers"),
    [
        (Filter(), [1, 3, 4, 3]),
        (Filter(reason="Too MANY"), [1, 4]),
        (Filter(file="b.json"), [3]),
        (Filter(source="till"), []),
        (Filter("web", "missing", "web/"), [3]),
        (Filter(reason="x' or true --"), []),
    ],
)
def test_the_quarantine_is_filtered_by_feed_reason_and_file(shop: Shop, which: Filter, numbers: list[int]) -> None:
    with shop.opened() as warehouse:
        found = rejects.listed(warehouse, which, 10, "work.ops.rejects")
        assert rejects.count(warehouse, which, "work.ops.rejects") == len(numbers)
    assert [each["row_number"] for each in found] == numbers


def test_the_quarantine_is_written_as_csv_json_lines_and_parquet_with_the_same_rows(
    shop: Shop, tmp_path: Path, journey: Callable[..., int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rejects, "PAGE_ROWS", 3)
    shop.deliver("web/c.jsonl", [row(6, id="=1+1", n="=cmd|'/c calc'!A1")])
    shop.land()
    for kind in ("csv", "jsonl", "parquet"):
        assert journey("rejects", "--project", str(shop.root), "--out", str(tmp_path / f"out.{kind}")) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        as_csv = list(csv.DictReader(file))
    as_json = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(each["file"], int(each["row_number"])) for each in as_csv] == [
        (each["file"], each["row_number"]) for each in as_json
    ]
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == as_json
    assert len(as_json) == 5
    assert sorted(path.name for path in tmp_path.glob("*out*")) == ["out.csv", "out.jsonl", "out.parquet"]


def test_a_cell_that_a_spreadsheet_would_run_is_guarded(tmp_path: Path, journey: Callable[..., int]) -> None:
    shop = make_shop(tmp_path / "shop", rows=[{"refuse": "n > 5", "because": "=HYPERLINK(1)"}])
    shop.deliver("web/=a.jsonl", [row(1, n=6)])
    shop.land()
    assert journey("rejects", "--project", str(shop.root), "--out", str(tmp_path / "out.csv")) == 0
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        (found,) = csv.DictReader(file)
    assert (found["reasons"], found["row_number"]) == ("'=HYPERLINK(1)", "1")


def test_the_command_replays_and_says_what_became_of_the_rows(
    shop: Shop, journey: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    shop.write("sources/web.yml", {**WEB})
    assert journey("rejects", "--project", str(shop.root), "--replay") == 0
    assert "web: of 4 refused rows, 2 are now loaded, 2 are still refused" in capsys.readouterr().out
    assert journey("rejects", "--project", str(shop.root), "--summary", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["n_rejects"], len(said["reasons"])) == (2, 2)
    assert journey("rejects", "--project", str(shop.root), "--replay", "--reason", "x") == 10
    assert journey("rejects", "--project", str(shop.root), "--out", "x.xls") == 10
