"""What a contract says of values beyond their type: ranges, scales, money, time zones, clocks, and what is new."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from shop_builder import NOW, WEB, Shop, make_shop, row
from test_contract import landed, landed_all

from journey_analytics.errors import ConfigErrors

NPS = {"type": "score", "scale": "nps_10"}
THUMB = {"type": "score", "scale": "thumb"}
EUROS = {"type": "money", "currency": "EUR"}


def notes(shop: Shop) -> list[tuple[Any, ...]]:
    rows = shop.rows("select note, subject, follows, n, sample from work.ops.load_notes order by all")
    return [tuple(found.values()) for found in rows]


def test_a_point_of_a_scale_is_a_whole_number_or_that_out_of_the_highest(tmp_path: Path) -> None:
    values = ["9", 9, "9.0", " 9 ", "9/10", "9 / 10", "0", "10"]
    found = landed_all(tmp_path, [(NPS, value) for value in values])
    assert found == [(point, []) for point in (9, 9, 9, 9, 9, 9, 0, 10)]


def test_what_is_no_point_of_its_scale_is_refused_and_told_so(tmp_path: Path) -> None:
    found = landed_all(tmp_path, [(NPS, value) for value in (11, -1, "9.5", "9/5", "nine", "1e0")])
    assert [reasons for _, reasons in found] == [
        ["x00 lies outside nps_10 (0 to 10): 11"],
        ["x01 lies outside nps_10 (0 to 10): -1"],
        *[[f"x{n:02d} is not a whole point of nps_10 (0 to 10): {text}"]
          for n, text in ((2, "9.5"), (3, "9/5"), (4, "xx"), (5, "1e0"))],
    ]  # fmt: skip


@pytest.mark.parametrize(("scale", "low", "high"), [("csat_5", 1, 5), ("ces_7", 1, 7), ("stars_5", 1, 5)])
def test_every_scale_has_its_own_ends(tmp_path: Path, scale: str, low: int, high: int) -> None:
    found = landed_all(tmp_path, [({"type": "score", "scale": scale}, n) for n in (low - 1, low, high, high + 1)])
    assert [value for value, _ in found] == [None, low, high, None]


def test_a_thumb_is_up_or_down_in_whichever_word(tmp_path: Path) -> None:
    found = landed_all(tmp_path, [(THUMB, value) for value in (True, "good", "1", "👍", False, "bad", 0, "meh")])
    assert [value for value, _ in found] == [1, 1, 1, 1, 0, 0, 0, None]


def test_a_code_that_means_blank_is_not_answered_and_counted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", columns={**WEB["columns"], "score": {**NPS, "not_answered": ["11", "blank"]}})
    shop.deliver("web/a.jsonl", [row(n, score=value) for n, value in enumerate([11, "blank", 10, None])])
    shop.land()
    assert [found["score"] for found in shop.landed("score")] == [None, None, 10, None]
    assert [(note, n) for note, _, _, n, _ in notes(shop)] == [("not_answered", 2)]


def test_a_number_outside_its_range_is_refused_and_its_ends_are_inside(tmp_path: Path) -> None:
    column = {"type": "integer", "at_least": 0, "at_most": 100}
    found = landed_all(tmp_path, [(column, n) for n in (0, 100, -1, 101)])
    assert [value for value, _ in found] == [0, 100, None, None]
    assert [reasons for _, reasons in found[2:]] == [["x02 is below 0: -1"], ["x03 is above 100: 101"]]


def test_an_amount_lands_in_minor_units_and_is_never_rounded(tmp_path: Path) -> None:
    francs, yen, dinar = ({"type": "money", "currency": code} for code in ("CHF", "JPY", "KWD"))
    cases = [(EUROS, "12.34"), (EUROS, 12), (EUROS, "-0.5"), (EUROS, "12.3400"), (francs, "0.10"), (yen, "1200"),
             (yen, "1200.00"), (dinar, "1.234"), (EUROS, "99999999999999")]  # fmt: skip
    found = landed_all(tmp_path, cases)
    assert [value for value, _ in found] == [1234, 1200, -50, 1234, 10, 1200, 1200, 1234, 9_999_999_999_999_900]


def test_what_is_no_amount_of_its_currency_is_refused(tmp_path: Path) -> None:
    cents, comma = {**EUROS, "unit": "minor"}, {**EUROS, "decimal": ","}
    cases = [(EUROS, value) for value in ("12.345", "1,234.50", "12,34", "€12", "NaN", "1e3")]
    cases += [({"type": "money", "currency": "JPY"}, "0.5"), (cents, "12.5"), (comma, "1.234,50")]
    found = landed_all(tmp_path, cases)
    assert [(value, len(reasons)) for value, reasons in found] == [(None, 1)] * len(cases)
    assert "is not an amount in minor units of its currency: 12.5" in found[7][1][0]


def test_an_amount_may_be_written_with_a_comma_or_in_minor_units_where_the_contract_says_so(tmp_path: Path) -> None:
    cases = [({**EUROS, "decimal": ","}, "12,34"), ({**EUROS, "unit": "minor"}, 1234)]
    cases += [({"type": "number", "decimal": ","}, "-1,5"), ({"type": "number", "decimal": ","}, "7")]
    assert [value for value, _ in landed_all(tmp_path, cases)] == [1234, 1234, -1.5, 7.0]


def test_an_amount_has_as_many_decimals_as_the_currency_in_its_row(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "code": {"type": "text"}, "total": {"type": "money", "currency": "code"}}
    shop = make_shop(tmp_path / "shop", columns=columns)
    told = [("EUR", "1.5"), ("jpy", "150"), ("JPY", "1.5"), ("KWD", "0.001"), (None, "2")]
    shop.deliver("web/a.jsonl", [row(n, code=code, total=total) for n, (code, total) in enumerate(told)])
    shop.land()
    assert [found["total"] for found in shop.landed("total")] == [150, 150, 1, 200]
    assert shop.reasons() == [["total is not an amount in major units of its currency: 1.5"]]


def test_a_time_without_an_offset_is_refused_where_the_feed_names_no_zone(tmp_path: Path) -> None:
    found = landed_all(
        tmp_path,
        [({"type": "timestamp"}, text) for text in ("2026-01-01 10:00:00", "2026-01-01T10:00:00+01:00", "soon")],
        time_zone=None,
    )
    assert found[0][1] == ["x00 names no time zone, and neither does the feed: 2026-01-01 10:00:00"]
    assert found[1] == (datetime.datetime(2026, 1, 1, 9), [])
    assert found[2][1] == ["x02 is not a time such as 2026-03-04T05:06:07Z: xx"]


def test_a_local_time_that_the_clocks_showed_twice_lands_as_the_later_one_and_is_counted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", time_zone="Europe/Berlin")
    stamps = ["2025-10-26 01:59:59", "2025-10-26 02:30:00", "2025-10-26 03:00:00", "2025-10-26T02:30:00+02:00"]
    shop.deliver("web/a.jsonl", [row(n, at=stamp) for n, stamp in enumerate(stamps)])
    shop.land()
    hours = [found["at"].strftime("%H:%M") for found in shop.landed('"at"')]
    assert hours == ["23:59", "01:30", "02:00", "00:30"]
    assert [(note, n) for note, _, _, n, _ in notes(shop)] == [("ambiguous_time", 1)]


def test_what_lies_ahead_by_less_than_the_tolerance_happened_now_and_is_counted(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", clock_tolerance="5 minutes")
    stamps = ["2026-03-10T02:00:00Z", "2026-03-10T02:05:00Z", "2026-03-10T02:05:01Z"]
    shop.deliver("web/a.jsonl", [row(n, at=stamp) for n, stamp in enumerate(stamps)])
    shop.land()
    assert [found["at"] for found in shop.landed('"at"')] == [NOW, NOW]
    assert (notes(shop)[0][:4], shop.reasons()) == (("clamped_time", "at", "evolve", 1), [["at lies in the future"]])


def test_what_happened_before_it_is_plausible_is_refused(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", plausible={"after": "2010-01-01"})
    stamps = ["2009-12-31T23:59:59Z", "2010-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
    shop.deliver("web/a.jsonl", [row(n, at=stamp) for n, stamp in enumerate(stamps)])
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["e1"], [["at lies before 2010-01-01"]] * 2)


def test_a_value_of_another_type_lands_as_nothing_where_the_contract_says_so_and_is_counted(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "n": {"type": "integer", "on_new_type": "warn"}, "m": {"type": "number"}}
    shop = make_shop(tmp_path / "shop", columns=columns)
    shop.deliver("web/a.jsonl", [row(1, n="x"), row(2, n=5), row(3, m="x")])
    shop.land()
    assert [found["n"] for found in shop.landed("n")] == [None, 5]
    assert (notes(shop), len(shop.reasons())) == ([("new_type", "n", "warn", 1, "x")], 1)


def test_new_values_are_counted_by_what_follows_and_only_of_rows_that_land(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "kind": {"type": "text", "values": ["a"], "on_new_value": "freeze"}}
    shop = make_shop(tmp_path / "shop", columns=columns, out_of_scope=[{"when": "n = 1", "because": "x"}])
    rows = [row(1, kind="b"), row(1, kind="b"), row(2, kind="c"), row(3, kind="d", n="x"), row(4, kind="e", n=1)]
    shop.deliver("web/a.jsonl", rows)
    shop.land()
    assert notes(shop) == [("new_value", "kind", "freeze", 2, "b")]


def test_notes_go_with_their_file_and_come_back_the_same(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "kind": {"type": "text", "values": ["a"]}}
    shop = make_shop(tmp_path / "shop", columns=columns)
    shop.deliver("web/a.jsonl", [row(1, kind="b")])
    shop.land()
    before = notes(shop)
    shop.deliver("web/a.jsonl", [row(1, kind="a")])
    shop.land()
    gone = notes(shop)
    shop.deliver("web/a.jsonl", [row(1, kind="b")])
    shop.land()
    assert (len(before), gone, notes(shop)) == (1, [], before)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"type": "score"}, "has a `scale`"),
        ({"type": "integer", "scale": "nps_10"}, "has a `scale`"),
        ({"type": "score", "scale": "nps_11"}, "scale"),
        ({"type": "money"}, "says its `currency`"),
        ({"type": "money", "currency": "coin"}, "is the column coin, which does not exist"),
        ({"type": "text", "unit": "minor"}, "`unit` belongs"),
        ({"type": "integer", "decimal": ","}, "`decimal` belongs"),
        ({"type": "text", "at_least": 1}, "belong to a column of type integer, number or money"),
        ({"type": "integer", "at_least": 2, "at_most": 1}, "nothing can meet both"),
        ({"type": "integer", "required": True, "on_new_type": "warn"}, "refuse rows of another type"),
        ({"type": "text", "on_new_type": "warn"}, "belongs to a column whose type a text can fail to be"),
        ({"type": "text", "on_new_value": "warn"}, "lists its `values`"),
        ({"type": "text", "values": ["a"], "on_new_value": "wran"}, "evolve"),
        ({"type": "text", "personal": "email", "not_answered": ["x"]}, "a personal column"),
    ],
)
def test_a_rule_that_does_not_fit_its_column_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    shop = make_shop(tmp_path / "shop", columns={**WEB["columns"], "extra": changes})
    with pytest.raises(ConfigErrors) as refused:
        shop.project()
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"clock_tolerance": "5"}, "'5' is not a duration"),
        ({"plausible": {"after": "1850-01-01"}}, "begins in 1900"),
        ({"plausible": {"befor": "2010-01-01"}}, "befor"),
        ({"on_new_column": "ignore"}, "evolve"),
    ],
)
def test_a_feeds_rule_that_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    shop = make_shop(tmp_path / "shop", **changes)
    with pytest.raises(ConfigErrors) as refused:
        shop.project()
    assert said in str(refused.value)


def test_reject_is_read_as_reject_row(tmp_path: Path) -> None:
    column = {"type": "text", "values": ["a"], "on_new_value": "reject"}
    assert landed(tmp_path, "b", column) == (None, ["x00 has a value that is not allowed: b"])
