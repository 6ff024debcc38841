"""What a feed's contract makes of a row: typed and pseudonymised, or refused with every reason."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from shop_builder import KEY, NOW, WEB, Shop, make_shop, row, text_csv

from journey_analytics.errors import ConfigError
from journey_analytics.landing.land import land
from journey_analytics.landing.privacy import padded_keys

AT = WEB["columns"]["at"]
PERSONAL = {"mail": "Canary.O'Bird@Example.com", "abroad": "+49 171 2345678", "ip": "203.0.113.77"}
AT_HOME = ["030 1234567", "(0171) 2345678", "555-123-4567", "0049 171 2345678"]


def landed_all(folder: Path, cases: list[tuple[dict[str, Any], Any]], **source: Any) -> list[tuple[Any, list[str]]]:
    """What each (column, value) lands as, or the reasons why its row is refused; all of them in one night."""
    columns = {f"x{place:02d}": column for place, (column, _) in enumerate(cases)}
    shop = make_shop(folder / "shop", columns={**WEB["columns"], **columns}, **source)
    rows = [row(place, **{f"x{place:02d}": value}) for place, (_, value) in enumerate(cases)]
    shop.deliver("web/a.jsonl", rows)
    if len(cases) >= 10:  # a night whose rows are all refused would end there
        shop.deliver("web/b.jsonl", [row(len(cases))])
    with shop.opened() as warehouse:
        land(warehouse, shop.project(), NOW)
        of_cases = "where file_id in (select file_id from work.ops.loads where file = 'web/a.jsonl')"
        kept = {row["row_number"]: row for row in warehouse.rows(f"select * from work.landing.web {of_cases}")}
        refused = {row["row_number"]: row["reasons"] for row in warehouse.rows("select * from work.ops.rejects")}
    assert len(kept) + len(refused) == len(cases)
    return [
        (None, refused[number]) if number in refused else (kept[number].get(f"x{number - 1:02d}"), [])
        for number in range(1, len(cases) + 1)
    ]


def landed(folder: Path, value: Any, column: dict[str, Any], **source: Any) -> tuple[Any, list[str]]:
    return landed_all(folder, [(column, value)], **source)[0]


def utc(*parts: int) -> datetime.datetime:
    return datetime.datetime(*parts)  # type: ignore[arg-type]


TIMES = [
        ("2026-01-01T10:00:00Z", "UTC", utc(2026, 1, 1, 10)),
        ("2026-01-01T10:00+02:00", "UTC", utc(2026, 1, 1, 8)),
        ("2026-01-01T10:00:00.123456-0530", "UTC", utc(2026, 1, 1, 15, 30, 0, 123456)),
        ("2026-01-01 10:00:00+02", "UTC", utc(2026, 1, 1, 8)),
        ("2026-01-01 10:00:00", "UTC", utc(2026, 1, 1, 10)),
        ("2026-01-01", "UTC", utc(2026, 1, 1)),
        ("2026-01-01 10:00:00", "Europe/Berlin", utc(2026, 1, 1, 9)),
        ("2026-07-01T10:00:00.5", "Europe/Berlin", utc(2026, 7, 1, 8, 0, 0, 500000)),
        ("2026-01-01", "Europe/Berlin", utc(2025, 12, 31, 23)),
        ("2026-01-01T10:00:00Z", "Europe/Berlin", utc(2026, 1, 1, 10)),
        ("2026-01-01T10:00:00+00:00", "Europe/Berlin", utc(2026, 1, 1, 10)),
        ("2026-01-01 10:00:00 UTC", "Europe/Berlin", utc(2026, 1, 1, 10)),
        ("2025-10-26 02:30:00", "Europe/Berlin", utc(2025, 10, 26, 1, 30)),
    ]  # fmt: skip


def test_a_time_is_the_instant_it_says(tmp_path: Path) -> None:
    for zone in ("UTC", "Europe/Berlin"):
        cases = [(text, instant) for text, its_zone, instant in TIMES if its_zone == zone]
        found = landed_all(tmp_path / zone, [({"type": "timestamp"}, text) for text, _ in cases], time_zone=zone)
        assert found == [(instant, []) for _, instant in cases]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_what_is_no_time_is_refused_as_such(tmp_path: Path, zone: str) -> None:
    values = ["soon", "infinity", "epoch", "2026-02-30T10:00:00Z", "26-01-01 10:00:00", "01/02/2026", "1767261600"]
    values += ["2026-01-01T25:00:00Z", "2026-01-01T10:00:00+02:00Z", True, []]  # type: ignore[list-item]
    found = landed_all(tmp_path, [({"type": "timestamp"}, value) for value in values], time_zone=zone)
    assert ["is not a time such as" in "".join(reasons) for _, reasons in found] == [True] * len(values)


def test_a_local_time_that_the_clocks_skip_is_no_time(tmp_path: Path) -> None:
    assert landed(tmp_path, "2025-03-30 02:30:00", {"type": "timestamp"}, time_zone="Europe/Berlin")[1]


LANDS = [
        ("integer", 5, 5), ("integer", "-5", -5), ("integer", "+5", 5), ("integer", 3.0, 3), ("integer",
        "9007199254740993", 9007199254740993),
        ("number", 1.5, 1.5), ("number", "1e3", 1000.0), ("number", -0.0, 0.0), ("boolean", True, True), ("boolean",
        "FALSE", False), ("boolean", 1, True),
        ("date", "2026-03-04", datetime.date(2026, 3, 4)), ("date",
        "2026-03-04T23:00:00+02:00", datetime.date(2026, 3, 4)),
        ("epoch_seconds", 1767261600, utc(2026, 1, 1, 10)), ("epoch_seconds",
        "1767261600.25", utc(2026, 1, 1, 10, 0, 0, 250000)),
        ("epoch_milliseconds", 1767261600123, utc(2026, 1, 1, 10, 0, 0, 123000)),
        ("text", 9007199254740993, "9007199254740993"), ("text", "007", "007"), ("text", "1e5", "1e5"),
        ("text", 18446744073709551617, "18446744073709551617"),
        ("text", " a ", " a "), ("text", "a\u0000b\u0007", "a\ufffdb\ufffd"), ("text", "two\nlines\t",
        "two\nlines\t"), ("text", "😀ü", "😀ü"),
        ("text", ["a", "b"], '["a","b"]'), ("text", {"a": 1}, '{"a":1}'), ("text", "", None), ("text", None, None),
        ("text", "x" * 20_000, "x" * 20_000),
        ("url", "https://a.b/c?d=e#f", "https://a.b/c"), ("url", "/c#f?g", "/c"), ("url", "/c?d=1\nsecret", "/c"),
        ("url", "/plain", "/plain"),
    ]  # fmt: skip


def test_a_value_lands_as_what_it_is(tmp_path: Path) -> None:
    found = landed_all(tmp_path, [({"type": kind}, value) for kind, value, _ in LANDS])
    assert found == [(lands, []) for _, _, lands in LANDS]


REFUSED = [
        ("integer", 1.5, "x is not a whole number: 1.5"), ("integer", "1e5", "x is not a whole number"), ("integer",
        "9223372036854775808", "x is not a whole number"),
        ("integer", "1_000", "x is not a whole number"), ("number", "NaN", "x is not a finite number: NaN"),
        ("number", "Infinity", "x is not a finite number"),
        ("number", "1e999", "x is not a finite number"), ("number", "1,5", "x is not a finite number"), ("number",
        "1_000", "x is not a finite number"),
        ("number", {"a": 1}, "x is not a finite number"), ("boolean", "yes", "x is not true or false"), ("date",
        "2026-02-30", "x is not a date"),
        ("date", "04.03.2026", "x is not a date"), ("epoch_seconds", 1767261600123, "x is not seconds since 1970"),
        ("epoch_seconds", 0, "x is not seconds since 1970"),
        ("epoch_milliseconds", 1767261600, "x is not milliseconds since 1970"),
    ]  # fmt: skip


def test_a_value_of_another_type_refuses_its_row(tmp_path: Path) -> None:
    found = landed_all(tmp_path, [({"type": kind}, value) for kind, value, _ in REFUSED])
    said = [[reason[reason.index(" ") + 1 :] for reason in reasons] for _, reasons in found]
    assert [len(reasons) for reasons in said] == [1] * len(REFUSED)
    expected = [text.removeprefix("x ") for _, _, text in REFUSED]
    assert [reasons[0][: len(text)] for reasons, text in zip(said, expected, strict=True)] == expected


def test_numbers_that_are_none_are_refused_as_bare_json_too(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", columns={**WEB["columns"], "x": {"type": "number"}})
    line = '{"id": "1", "at": "2026-03-01T10:00:00Z", "x": %s}\n'
    shop.deliver("web/a.jsonl", "".join(line % text for text in ("NaN", "Infinity", "-Infinity", "1e999", "-1e999")))
    shop.land()
    assert [reason[0][:24] for reason in shop.reasons()] == ["x is not a finite number"] * 5


def test_a_required_text_that_says_nothing_is_missing(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    nothing = [None, "", "  ", "null", "N/A", "undefined", "NaN"]
    shop.deliver("web/a.jsonl", [{**row(1), "id": value} for value in nothing])
    shop.land()
    assert shop.reasons() == [["id is missing"]] * len(nothing)


def test_a_row_is_refused_with_everything_that_is_wrong_with_it(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", rows=[{"refuse": "n > 5", "because": "too many"}])
    shop.deliver(
        "web/a.jsonl", [{"at": "1999-01-01T00:00:00Z", "n": 7}, {"id": "2", "at": "2026-03-20T00:00:00Z", "n": "x"}]
    )
    shop.land()
    assert shop.reasons() == [
        ["id is missing", "at lies before 2000-01-01", "too many"],
        ["n is not a whole number: x", "at lies in the future"],
    ]


def test_a_value_that_the_contract_does_not_list_lands_unless_its_row_is_to_be_refused(tmp_path: Path) -> None:
    kind = {"type": "text", "values": ["it's", "b"]}
    kinds = [kind, kind, *({**kind, "on_new_value": word} for word in ("evolve", "warn", "freeze", "reject_row"))]
    found = landed_all(tmp_path, list(zip(kinds, ["it's", *"ccccc"], strict=True)))
    assert found == [("it's", []), *[("c", [])] * 4, (None, ["x05 has a value that is not allowed: c"])]


def test_of_an_address_only_the_parameters_that_are_kept_land(tmp_path: Path) -> None:
    kind = {"type": "url", "keep_query": ["utm_source", "a.b"]}
    addresses = ["/x?gclid=1&a.b=2&utm_source=c%20d&xutm_source=3#f", "/x?axb=2&email=a@b.de", "/x#?utm_source=1"]
    found = landed_all(tmp_path, [(kind, address) for address in addresses])
    assert [value for value, _ in found] == ["/x?utm_source=c%20d&a.b=2", "/x", "/x"]


def test_rows_out_of_scope_are_counted_and_not_landed(tmp_path: Path) -> None:
    shop = make_shop(
        tmp_path / "shop",
        out_of_scope=[{"when": "n = 1", "because": "x"}, {"when": "\"user\" like 's%'", "because": "y"}],
    )
    shop.deliver("web/a.jsonl", [row(1, n=1), row(2, user="s1"), row(3), row(4, n=1, at="x")])
    shop.land()
    counts = shop.ledger()["web/a.jsonl"]
    assert [counts[f"n_{what}"] for what in ("read", "loaded", "out_of_scope", "rejected")] == [4, 1, 2, 1]


def test_a_condition_that_cannot_be_worked_out_for_a_row_does_not_stop_the_night(tmp_path: Path) -> None:
    shop = make_shop(
        tmp_path / "shop",
        rows=[{"refuse": 'n * 9000000000000000000 > 1 and cast("user" as integer) > 5', "because": "x"}],
    )
    shop.deliver("web/a.jsonl", [row(1, n=9), row(2, user="9", n=1)])
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["e1"], [["x"]])


def test_a_condition_that_compares_what_cannot_be_compared_is_an_error_of_the_set_up(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", rows=[{"refuse": '"user" + 1 > n', "because": "x"}])
    shop.deliver("web/a.jsonl", [row(1)])
    with pytest.raises(ConfigError) as refused:
        shop.land()
    assert refused.value.where == "sources/web.yml"


# --- JSON that is not what it seems


BROKEN = [
        ("", "is an empty line"), ("\r", "is an empty line"), ('{"id": 1', "is not JSON"), ("[1]",
        "is not a JSON object"), ("5", "is not a JSON object"),
        ("null", "is not a JSON object"), ('{"id": "\\ud800"}', "is not JSON"), ('{"id": 007}', "is not JSON"),
        ("{} {}", "is not JSON"),
        ("[" * 100_000 + "]" * 100_000, "is not a JSON object"), ("[" * 100_000, "is not JSON"), ("\ufeff{}",
        "is not JSON"), ("'", "is not JSON"),
    ]  # fmt: skip


def test_a_line_that_is_no_json_object_costs_that_line_alone(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    lines = [json.dumps(row(1)), *(line for line, _ in BROKEN), json.dumps(row(2)) + "\r"]
    shop.deliver("web/a.jsonl", "\n".join(lines) + "\n")
    shop.land()
    assert (shop.ids(), shop.reasons()) == (["e1", "e2"], [[reason] for _, reason in BROKEN])


def test_an_object_nested_a_hundred_thousand_deep_lands_by_its_own_keys(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    deep = '{"a":' * 100_000 + "1" + "}" * 100_000
    shop.deliver("web/a.jsonl", '{"id":"1","at":"2026-03-01T10:00:00Z","deep":' + deep + "}\n")
    shop.land()
    assert shop.ids() == ["1"]


def test_r08_a_key_given_twice_refuses_its_row_wherever_a_column_is_read_from(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "page": {"type": "text", "from": "context.page.path"}}
    shop = make_shop(tmp_path / "shop", columns=columns)
    start = '{"id":"%s","at":"2026-03-01T10:00:00Z"'
    twice = [
        ',"id":"2"}',
        ',"x":1,"x":1}',
        ',"context":{"page":{"path":1,"path":2}}}',
        ',"context":{},"cont\\u0065xt":1}',
    ]
    ends = [*twice, ',"other":{"a":1,"a":2}}', ',"context":[{"page":1,"page":2}]}', "}"]
    shop.deliver("web/a.jsonl", "".join(start % number + end + "\n" for number, end in enumerate(ends)))
    shop.land()
    assert shop.reasons() == [["gives a key twice, so that nobody knows which value is meant"]] * 4
    assert shop.ids() == ["4", "5", "6"]


def test_keys_are_found_by_path_and_by_case(tmp_path: Path) -> None:
    columns = {
        **WEB["columns"],
        "user": {"type": "text", "from": "a.userId"},
        "other": {"type": "text", "from": "a.userid"},
        "whole": {"type": "text", "from": "a"},
    }
    shop = make_shop(tmp_path / "shop", columns=columns)
    shop.deliver("web/a.jsonl", [{**row(1), "a": {"userId": "U"}}, {**row(2), "a": 5}, {**row(3), "a": [1]}])
    shop.land()
    rows = shop.rows('select "user", other, whole from work.landing.web order by id')
    assert [tuple(row.values()) for row in rows] == [
        ("U", None, '{"userId":"U"}'),
        (None, None, "5"),
        (None, None, "[1]"),
    ]


def test_a_column_may_be_called_whatever_the_query_calls_its_own(tmp_path: Path) -> None:
    names = ["raw", "problem", "t0", "v", "file_index", "reasons", "is_in_scope", "select", "staged", "file"]
    shop = make_shop(
        tmp_path / "shop",
        columns={**WEB["columns"], **{name: {"type": "text"} for name in names}},
        key=["id", "raw", "select"],
    )
    shop.deliver("web/a.jsonl", [row(1, **{name: name for name in names}), row(2, n="x")])
    shop.land()
    found = shop.landed()[0]
    assert {name: found[name] for name in names} == {name: name for name in names}


# --- people


def key_of(address: str, key: str = KEY) -> str:
    return hmac.new(key.encode(), address.strip().lower().encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("key", ["k" * 32, "k" * 64, "k" * 65, "ü" * 100])
def test_an_email_key_is_the_hmac_that_python_makes(tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = make_shop(tmp_path / "shop")
    monkeypatch.setenv("JOURNEY_KEY", key)
    addresses = ["ada@example.com", " Ada@Example.COM\t", "jürgen@bücher.example"]
    shop.deliver("web/a.jsonl", [row(number, email=address) for number, address in enumerate(addresses)])
    shop.land()
    assert [found["email_key"] for found in shop.landed()] == [key_of(address, key) for address in addresses]


def test_padded_keys_are_those_of_the_standard() -> None:
    inner, outer = padded_keys(b"key")
    digest = hashlib.sha256(outer + hashlib.sha256(inner + b"text").digest()).hexdigest()
    assert digest == hmac.new(b"key", b"text", hashlib.sha256).hexdigest()


def test_what_is_no_address_makes_nobody(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver(
        "web/a.jsonl", [row(place, email=value) for place, value in enumerate([None, "", "  ", "n/a", "unknown"])]
    )
    shop.land()
    assert [found["email_key"] for found in shop.landed()] == [None] * 5


def test_the_key_is_gone_from_the_connection_after_landing(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [row(1)])
    with shop.opened() as warehouse:
        land(warehouse, shop.project(), NOW)
        assert warehouse.rows("select getvariable('key_inner') as i, getvariable('key_outer') as o") == [
            {"i": None, "o": None}
        ]


def everything_kept(shop: Shop) -> str:
    tables = ("work.landing.web", "work.ops.rejects", "work.ops.loads")
    return json.dumps([shop.rows(f"select * from {table}") for table in tables], default=str, ensure_ascii=False)


COLUMNS = {
    **WEB["columns"], "page": {"type": "url", "keep_query": ["utm_source"]}, "kind": {"type": "text", "values": ["a"]},
    "count": {"type": "number"}, "day": {"type": "date"}, "seen": {"type": "epoch_seconds"},
        "is_new": {"type": "boolean"},
}  # fmt: skip


def test_a_canary_in_any_column_is_nowhere_to_be_found(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", columns=COLUMNS)
    canaries = [*PERSONAL.values(), "see canary.o'bird@example.com or call +491712345678"]
    canaries += ["https://x.de/u/canary@example.com?utm_source=canary@example.com", "x" * 498 + " canary@example.com"]
    shop.deliver("web/a.jsonl", [{**row(n), name: canary} for n, canary in enumerate(canaries) for name in COLUMNS])
    shop.land()
    kept = everything_kept(shop).lower()
    assert [part for part in ("canary", "o'bird", "49 171", "2345678", "203.0.113") if part in kept] == []


def test_a_canary_in_a_line_that_cannot_be_read_is_nowhere_to_be_found(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    canaries = [*PERSONAL.values(), *AT_HOME, "2001:db8::7334", "2001:db8:0:0:0:8a2e:370:7334", "canary%40example.com"]
    canaries += ["canary\\u0040example.com", "jürgen.canary@bücher.example"]
    broken = [f'{{"x": "{canary}"'.encode() for canary in canaries]
    broken += [canary.encode("utf-16-le") for canary in canaries] + [canary.encode() + b"\xff" for canary in canaries]
    broken += [b"x" * 1980 + b" canary@example.com" + b"y" * 1_000_000]
    shop.deliver("web/a.jsonl", b"\n".join(broken) + b"\n")
    shop.deliver("web/b.jsonl", [row(1)])
    shop.land()
    kept = everything_kept(shop).lower()
    parts = ["canary", "o'bird", "jürgen", "2345678", "1234567", "123-4567", "203.0.113", "2001:db8", "@example"]
    assert len(shop.reasons()) == len(broken)
    assert [part for part in parts if part in kept] == []


def test_a_refused_row_shows_what_was_wrong_and_nobody(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    shop.deliver("web/a.jsonl", [row(1, n="x", email="ada@example.com", ip="203.0.113.9")])
    shop.land()
    kept = json.loads(shop.rows("select row from work.ops.rejects")[0]["row"])
    assert kept == {
        "id": "e1", "at": "2026-03-01T10:01:00Z", "user": "u1", "email": key_of("ada@example.com"), "ip": "[personal]",
        "n": "x",
    }  # fmt: skip


def test_ids_that_are_addresses_stay_apart_without_being_readable(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop")
    users = ["ada@example.com", "bob@example.com", "+49 171 2345678", "203.0.113.9", "@handle", "a@b", "1.2.3"]
    shop.deliver("web/a.jsonl", [row(number, user=user) for number, user in enumerate(users)])
    shop.land()
    found = [row["user"] for row in shop.rows('select "user" from work.landing.web order by id')]
    assert found == [*map(key_of, users[:4]), *users[4:]]


def test_a_csv_feed_is_held_to_the_same_words(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", format="csv")
    shop.deliver(
        "web/a.csv",
        text_csv(
            "1,2026-03-01 10:00:00,u@x.de,a@b.de,1.1.1.1,5",
            "2,2026-03-01 10:00:00,,,,1.5",
            "3,,,,,",
            "4,canary@example.com",
            "007,2026-03-01,a\0b,,,",
        ),
    )
    shop.land()
    assert shop.ids() == ["007", "1"]
    assert shop.reasons() == [["n is not a whole number: 1.5"], ["at is missing"], ["has 2 fields instead of 6"]]
    assert "canary" not in everything_kept(shop)
