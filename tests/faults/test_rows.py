"""Rows that are not what they should be: refused or read by a rule that is written down, and never lost."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from shop_builder import WEB, Shop, make_shop, row, text_csv
from test_contract import landed_all

from journey_analytics import formats
from journey_analytics.errors import InputError
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.readers import read_file

HEADER = "id,at,user,email,ip,n"
PARTS = ("n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope")


def records(folder: Path, content: bytes, format: str = "csv", **dialect: Any) -> list[Any]:
    """Each record's texts (for JSON the raw line), or its problem."""
    source = Source.model_validate({**WEB, "format": format, "csv": dialect})
    path = folder / f"a.{format}"
    path.write_bytes(content)
    rows = [each for batch in read_file(path, source, 0) for each in batch.to_pylist()]
    if format == "jsonl":
        return [each["problem"] or each["raw"].strip() for each in rows]
    return [each["problem"] or [each[f"t{index}"] for index in range(6)] for each in rows]


def test_r02_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    assert records(tmp_path, mark + f"{HEADER}\n1,2,3,4,5,6\n".encode()) == [list("123456")]
    assert records(tmp_path, mark + b"{}\n", "jsonl") == ["{}"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_r03_whichever_way_lines_end_the_rows_are_the_same(tmp_path: Path, end: str) -> None:
    text = end.join([HEADER, '1,"a\nb",3,4,5,6', "2,b,3,4,5,6"]) + end
    assert [found[:2] for found in records(tmp_path, text.encode())] == [["1", "a\nb"], ["2", "b"]]
    old = text.replace('"a\nb"', "a").replace(end, "\r")
    assert [found[:2] for found in records(tmp_path, old.encode(), line_end="any")] == [["1", "a"], ["2", "b"]]


def test_r05_a_field_too_many_or_too_few_costs_its_row_and_every_row_is_accounted_for(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", format="csv")
    good = [f"{n},2026-03-01,u,,,{n}" for n in range(3)]
    shop.deliver("web/a.csv", text_csv(good[0], "1,2,3,4,5,6,7", good[1], "1,2", good[2]))
    shop.land()
    entry = shop.ledger()["web/a.csv"]
    assert (shop.ids(), shop.reasons()) == (
        ["0", "1", "2"], [["has 7 fields instead of 6"], ["has 2 fields instead of 6"]]
    )  # fmt: skip
    assert entry["n_read"] == 5 == sum(entry[part] for part in PARTS)


def test_r06_another_delimiter_refuses_the_file_and_a_decimal_comma_its_row(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="lacks the column"):
        records(tmp_path, b"id;at;user;email;ip;n\n1;2;3;4;5;6\n")
    found = landed_all(tmp_path, [({"type": "number"}, "1,5"), ({"type": "number", "decimal": ","}, "1,5")])
    assert found == [(None, ["x00 is not a finite number: 1,5"]), (1.5, [])]


def test_r07_columns_are_found_by_their_exact_names_and_a_name_given_twice_refuses_the_file(tmp_path: Path) -> None:
    assert records(tmp_path, b"n,ip,email,user,at,id\n1,2,3,4,5,6\n") == [list("654321")]
    for header, said in ((b"ID,At,user\n", "lacks the column id, at"), (b"id,at,id\n", "names a column twice")):
        with pytest.raises(UnreadableFile, match=said):
            records(tmp_path, header + b"1,2,3\n")


def test_r09_what_is_no_finite_number_is_refused_and_so_is_what_lies_outside_its_range(tmp_path: Path) -> None:
    number = {"type": "number"}
    cases = [(number, text) for text in ("NaN", "Infinity", "-Infinity", "1e999")]
    cases += [(number, -0.0), (number, "1e40"), ({**number, "at_most": 1e9}, "1e40")]
    found = landed_all(tmp_path, cases)
    assert [value for value, _ in found] == [None] * 4 + [0.0, 1e40, None]
    assert found[6][1] == ["x06 is above 1e+09: 1e40"]


def test_r10_an_id_is_exactly_the_text_it_is(tmp_path: Path) -> None:
    ids = ["007", "7", "1e5", "9223372036854775808", "A1B2", "a1b2", " 7", "7 "]
    found = landed_all(tmp_path, [({"type": "text"}, text) for text in ids])
    assert [value for value, _ in found] == ids


def test_r11_characters_that_are_not_seen_become_visible_and_keep_texts_apart(tmp_path: Path) -> None:
    texts = ["a\u0000b", "a\u0007b", "ab", "a\u200bb", "a\u202eb"]
    landed = [value for value, _ in landed_all(tmp_path, [({"type": "text"}, text) for text in texts])]
    assert landed[:3] == ["a\ufffdb", "a\ufffdb", "ab"]
    assert [formats.name(text) for text in landed[3:]] == ["a[U+200B]b", "a[U+202E]b"]


def test_r13_an_emoji_and_a_very_long_name_are_stored_whole_and_shown_short(tmp_path: Path) -> None:
    texts = ["🛒 Koffer", "x" * 10_000]
    landed = [value for value, _ in landed_all(tmp_path, [({"type": "text"}, text) for text in texts])]
    assert landed == texts
    assert [len(formats.name(text)) for text in texts] == [8, formats.LONGEST_NAME]


def test_r14_what_says_nothing_is_missing_where_something_is_required(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [{**row(1), "id": value} for value in (None, "", "null", "N/A", "0")])
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["0"], [["id is missing"]] * 4)


def test_r15_a_score_that_is_no_point_of_its_scale_is_refused_and_a_blank_code_is_no_answer(tmp_path: Path) -> None:
    scale = {"type": "score", "scale": "nps_10"}
    cases = [(scale, value) for value in (11, -1, "9.5", "9/10", "9")]
    found = landed_all(tmp_path, [*cases, ({**scale, "not_answered": ["11"]}, 11)])
    assert [value for value, _ in found] == [None, None, None, 9, 9, None]
    assert [len(reasons) for _, reasons in found] == [1, 1, 1, 0, 0, 0]


def test_r16_negative_revenue_and_a_currency_without_a_rate_are_what_the_contract_says(tmp_path: Path) -> None:
    columns = {
        **WEB["columns"],
        "currency": {"type": "text", "values": ["EUR", "JPY"], "on_new_value": "reject_row"},
        "total": {"type": "money", "currency": "currency", "at_least": 0},
        "refund": {"type": "money", "currency": "currency"},
    }
    shop = make_shop(tmp_path / "shop", columns=columns)
    amounts = [("EUR", "0"), ("EUR", "-5"), ("JPY", "500"), ("SEK", "5")]
    shop.deliver("web/a.jsonl", [
        row(n, currency=code, total=total, refund="-1") for n, (code, total) in enumerate(amounts)])  # fmt: skip
    shop.land()
    assert [tuple(found.values()) for found in shop.landed("total, refund")] == [(0, -100), (500, -1)]
    assert shop.reasons() == [["total is below 0: -5"], ["currency has a value that is not allowed: SEK"]]


def test_r17_a_date_that_is_none_and_a_stamp_of_another_unit_are_refused(tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], Any]] = [({"type": "date"}, "2026-02-30"), ({"type": "timestamp"}, "2026-13-01")]
    cases += [({"type": "epoch_seconds"}, stamp) for stamp in (1767261600123, 0, 1767261600)]
    cases += [({"type": "epoch_milliseconds"}, stamp) for stamp in (1767261600, 1767261600123000, 1767261600000)]
    found = landed_all(tmp_path, cases)
    noon = datetime.datetime(2026, 1, 1, 10)
    assert [value for value, _ in found] == [None, None, None, None, noon, None, None, noon]
    assert all(len(reasons) == (value is None) for value, reasons in found)


def test_r18_a_night_of_which_every_row_is_bad_ends_in_20_with_the_first_five_reasons_and_keeps_what_was(
    tmp_path: Path,
) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/1.jsonl", [row(1)])
    shop.land()
    before = everything(shop)
    bad = [{"n": "x"}] * 4 + [row(n, n="x") for n in range(4)] + [row(9, at="soon"), "no object"]
    shop.deliver("web/2.jsonl", bad)  # type: ignore[arg-type]
    with pytest.raises(InputError) as stopped:
        shop.land()
    assert stopped.value.exit_code == 20
    assert stopped.value.reason == (
        "all 10 rows that web brought tonight are refused: n is not a whole number (8); at is missing (4); "
        "id is missing (4); at is not a time such as 2026-03-04T05:06:07Z (1); is not a JSON object (1)"
    )
    assert everything(shop) == before


def everything(shop: Shop) -> list[Any]:
    return [shop.rows(f"select * from work.{table} order by all") for table in ("landing.web", "ops.loads")]
