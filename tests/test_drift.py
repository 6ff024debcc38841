"""A file whose columns are not the contract's: what is new is told, what is gone is empty, what is required stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_builder import WEB, Shop, make_shop, row, text_csv

from journey_analytics.errors import InputError

HEADER = "id,at,user,email,ip,n"
NEW = f"{HEADER},coupon"


def notes(shop: Shop) -> list[tuple[Any, ...]]:
    rows = shop.rows("select file, note, subject, follows, n from work.ops.load_notes order by all")
    return [(found["file"].removeprefix("web/"), *list(found.values())[1:]) for found in rows]


def csv_shop(folder: Path, **source: Any) -> Shop:
    return make_shop(folder / "shop", format="csv", **source)


def records(first: int, count: int, *more: str) -> list[str]:
    return [",".join([f"e{n}", "2026-03-01", f"u{n}", "", "", "5", *more]) for n in range(first, first + count)]


def test_columns_that_were_never_listed_are_known_from_the_first_file_on(tmp_path: Path) -> None:
    shop = csv_shop(tmp_path, on_new_column="freeze")
    shop.deliver("web/1.csv", text_csv(*records(0, 2, "x"), header=NEW))
    shop.deliver("web/2.csv", text_csv(*records(2, 1, "x"), header=NEW))
    shop.land()
    assert notes(shop) == [
        ("1.csv", "unlisted_column", "coupon", "evolve", 2),
        ("2.csv", "unlisted_column", "coupon", "evolve", 1),
    ]


@pytest.mark.parametrize("nights", [1, 2])
@pytest.mark.parametrize("follows", ["evolve", "warn", "freeze"])
def test_a_column_that_no_earlier_file_had_is_new_lands_nothing_and_is_counted_by_name(
    tmp_path: Path, follows: str, nights: int
) -> None:
    shop = csv_shop(tmp_path, on_new_column=follows)
    shop.deliver("web/1.csv", text_csv(*records(0, 2)))
    if nights == 2:
        shop.land()
    shop.deliver("web/2.csv", text_csv(*records(2, 3, "secret@example.com"), header=NEW))
    shop.land()
    assert notes(shop) == [("2.csv", "new_column", "coupon", follows, 3)]
    assert len(shop.ids()) == 5
    assert "coupon" not in shop.landed()[0]


def test_a_new_column_that_is_to_refuse_refuses_the_rows_of_its_file_until_the_contract_knows_it(
    tmp_path: Path,
) -> None:
    shop = csv_shop(tmp_path, on_new_column="reject_row")
    shop.deliver("web/1.csv", text_csv(*records(0, 2)))
    shop.deliver("web/2.csv", text_csv(*records(2, 3, "x"), header=NEW))
    shop.land()
    assert shop.ids() == ["e0", "e1"]
    assert shop.reasons() == [["stands in a file with a column that the contract does not list"]] * 3
    shop.source(format="csv", on_new_column="reject_row", ignored=["coupon"])
    shop.land()
    assert (len(shop.ids()), notes(shop)) == (5, [])


def test_an_optional_column_that_earlier_files_had_is_empty_and_told(tmp_path: Path) -> None:
    shop = csv_shop(tmp_path)
    shop.deliver("web/1.csv", text_csv(*records(0, 1)))
    shop.deliver("web/2.csv", text_csv("e1,2026-03-01,u1,,", header="id,at,user,email,ip"))
    shop.land()
    shop.deliver("web/3.csv", text_csv("e2,2026-03-01,u2,,7", header="id,at,user,email,N"))
    shop.land()
    assert [found["n"] for found in shop.rows("select n from work.landing.web order by id")] == [5, None, None]
    assert notes(shop) == [
        ("2.csv", "missing_column", "n", "warn", 1),
        ("3.csv", "missing_column", "n", "warn", 1),
        ("3.csv", "new_column", "N", "evolve", 1),
    ]


def test_an_optional_column_that_no_file_ever_had_is_nothing_to_tell(tmp_path: Path) -> None:
    shop = csv_shop(tmp_path)
    for name in "12":
        shop.deliver(f"web/{name}.csv", text_csv(f"e{name},2026-03-01", header="id,at"))
    shop.land()
    assert (shop.ids(), notes(shop)) == (["e1", "e2"], [])


def test_a_required_column_that_is_gone_or_renamed_ends_the_night_and_nothing_is_kept(tmp_path: Path) -> None:
    shop = csv_shop(tmp_path)
    shop.deliver("web/1.csv", text_csv(*records(0, 1)))
    shop.land()
    shop.deliver("web/2.csv", text_csv("e1,u1,,,5,2026-03-01", header="id,user,email,ip,n,seen_at"))
    with pytest.raises(InputError, match="the required column at is gone; the file has email, id") as stopped:
        shop.land()
    assert (stopped.value.exit_code, stopped.value.where) == (20, "web/2.csv")
    assert (shop.ids(), list(shop.ledger())) == (["e0"], ["web/1.csv"])
    columns = {**WEB["columns"], "at": {**WEB["columns"]["at"], "from": ["at", "seen_at"]}}
    shop.source(format="csv", columns=columns)
    shop.land()
    assert shop.ids() == ["e0", "e1"]


def test_a_file_that_is_no_file_of_this_feed_is_refused_and_the_others_load(tmp_path: Path) -> None:
    shop = csv_shop(tmp_path)
    shop.deliver("web/1.csv", text_csv(*records(0, 1)))
    shop.deliver("web/2.csv", text_csv("1;2", header="id;at;user"))
    (landed,) = shop.land()
    assert (shop.ids(), list(landed.refused)) == (["e0"], ["web/2.csv"])


def test_parquet_columns_are_held_to_the_same_words(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", format="parquet", on_new_column="warn")
    (shop.landing / "web").mkdir()
    table = {"id": ["1"], "at": ["2026-03-01T00:00:00Z"], "n": [5]}
    pq.write_table(pa.table(table), shop.landing / "web" / "1.parquet")
    pq.write_table(pa.table({"id": ["2"], "at": table["at"], "coupon": ["x"]}), shop.landing / "web" / "2.parquet")
    shop.land()
    assert [note[:4] for note in notes(shop)] == [
        ("2.parquet", "missing_column", "n", "warn"),
        ("2.parquet", "new_column", "coupon", "warn"),
    ]
    pq.write_table(pa.table({"at": table["at"]}), shop.landing / "web" / "3.parquet")
    with pytest.raises(InputError, match="the required column id is gone"):
        shop.land()


@pytest.mark.parametrize(("follows", "n_notes", "n_refused"), [(None, 0, 0), ("warn", 1, 0), ("reject_row", 0, 1)])
def test_keys_of_json_are_looked_at_where_the_contract_says_what_a_new_one_does(
    tmp_path: Path, follows: str | None, n_notes: int, n_refused: int
) -> None:
    shop = make_shop(tmp_path / "shop", on_new_column=follows, ignored=["known"])
    shop.deliver("web/a.jsonl", [row(1, known=1), row(2, coupon="x", b=1), row(3)])
    shop.land()
    assert [note[1:4] for note in notes(shop)] == [("new_column", "keys", "warn")] * n_notes
    said = [["holds keys that the contract does not list: b,coupon"]] * n_refused
    assert (shop.reasons(), len(shop.ids())) == (said, 3 - n_refused)
