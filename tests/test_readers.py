"""Every record of a file is numbered and handed on, whole or with what is wrong with it; or the file is refused."""

from __future__ import annotations

import bz2
import csv
import datetime
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shop_builder import WEB

from journey_analytics.facts.feeds import Source
from journey_analytics.landing import lines as json_lines
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.readers import fingerprint, names_in, read_file

NAMES = list(WEB["columns"])


def source(format: str, **dialect: Any) -> Source:
    return Source.model_validate({**WEB, "format": format, "csv": dialect})


def read(path: Path, feed: Source) -> list[dict[str, Any]]:
    rows = [row for batch in read_file(path, feed, 7) for row in batch.to_pylist()]
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    assert {row["file_index"] for row in rows} <= {7}
    return rows


def lines(folder: Path, content: bytes, name: str = "a.jsonl") -> list[tuple[str | None, str]]:
    path = folder / name
    path.write_bytes(content)
    return [(row["problem"], row["raw"].rstrip("\r\n")) for row in read(path, source("jsonl"))]


def records(folder: Path, content: bytes, **dialect: Any) -> list[Any]:
    """Each record's fields, or its problem."""
    path = folder / "a.csv"
    path.write_bytes(content)
    rows = read(path, source("csv", **dialect))
    return [row["problem"] or [row[f"t{index}"] for index in range(len(NAMES))] for row in rows]


HEADER = b"id,at,user,email,ip,n\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", []),
        (b"\xef\xbb\xbf", []),
        (b"{}", ["{}"]),
        (b"{}\n", ["{}"]),
        (b"\xef\xbb\xbf{}\n{}\n", ["{}", "{}"]),
        (b"{}\r\n{}\r\n", ["{}", "{}"]),
        (b"{}\n\n{}\n", ["{}", "", "{}"]),
        ('{}\n{"a": "ü\u2028x"}'.encode(), ["{}", '{"a": "ü\u2028x"}']),
    ],
)
def test_a_line_of_json_is_what_stands_between_line_feeds(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    assert lines(tmp_path, content) == [(None, text) for text in expected]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_lines_longer_than_a_read_block_are_put_together(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "CHUNK_BYTES", size)
    texts = ["a", "", "bcdefghijklmnop", "ü" * 9, "z"]
    assert lines(tmp_path, "\n".join(texts).encode()) == [(None, text) for text in texts]


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.jsonl.gz", gzip.compress),
        ("a.jsonl.bz2", bz2.compress),
        ("a.jsonl.zst", lambda raw: pa.Codec("zstd").compress(raw, asbytes=True)),
    ],
)
def test_packed_files_are_read_by_their_suffix_and_cut_ones_are_refused(tmp_path: Path, name: str, pack: Any) -> None:
    plain = b"".join(b'{"id": %d}\n' % number for number in range(5000))
    packed = pack(plain)
    assert len(lines(tmp_path, packed, name)) == 5000
    with pytest.raises(UnreadableFile, match="breaks off"):
        lines(tmp_path, packed[: len(packed) // 2], name)
    with pytest.raises(UnreadableFile, match="breaks off"):
        lines(tmp_path, plain, name)


def test_two_packed_files_put_together_are_read_to_the_end(tmp_path: Path) -> None:
    assert len(lines(tmp_path, gzip.compress(b"{}\n") + gzip.compress(b"{}\n"), "a.gz")) == 2


def test_one_line_that_is_not_text_costs_that_line_alone(tmp_path: Path) -> None:
    found = lines(tmp_path, b"{}\nJ\xfcrgen\n{}\n\xc3")
    assert [problem for problem, _ in found] == [None, "is not UTF-8 text (byte 2)", None, "is not UTF-8 text (byte 1)"]
    assert found[1][1] == "J\ufffdrgen"


def test_a_line_of_two_megabytes_costs_that_line_alone_and_little_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = lines(tmp_path, b"{}\n" + b"x" * 2_000_000 + b"\n{}\n")
    assert [problem for problem, _ in found] == [None, "is longer than 1,000,000 bytes", None]
    monkeypatch.setattr(json_lines, "CHUNK_BYTES", 300_000)
    found = lines(tmp_path, b"{}\n" + b"x" * 3_000_000 + b"\n{}\n")
    assert [(problem, len(raw)) for problem, raw in found] == [
        (None, 2),
        ("is longer than 1,000,000 bytes", 2000),
        (None, 2),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"1,2,3,4,5,6\n", [list("123456")]),
        (b"1,2,3,4,5,6", [list("123456")]),
        (b"1,2,3,4,5,6\r\n1,2,3,4,5,6\r\n", [list("123456")] * 2),
        (b'1,"a\nb",3,4,5,6\n', [["1", "a\nb", "3", "4", "5", "6"]]),
        (b'1,"a ""b"", c",3,4,5,6\n', [["1", 'a "b", c', "3", "4", "5", "6"]]),
        (b"1,a\rb,3,4,5,6\n1,2,3,4,5,6\n", [["1", "a\rb", "3", "4", "5", "6"], list("123456")]),
        (b'1,"a\rb",3,4,5,6\n', [["1", "a\rb", "3", "4", "5", "6"]]),
        (b"1,2,3,4,5,6,7\n1,2,3\n1,2,3,4,5,6\n", ["has 7 fields instead of 6",
        "has 3 fields instead of 6", list("123456")]),
        (b"1,2,3,4,5,6\n\n1,2,3,4,5,6\n", [list("123456"), "is an empty line", list("123456")]),
        (b"", []),
        (b",,,,,\n", [[""] * 6]),
    ],
)  # fmt: skip
def test_a_csv_record_is_whole_or_says_what_is_wrong(tmp_path: Path, body: bytes, expected: list[Any]) -> None:
    assert records(tmp_path, HEADER + body) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"n,ip,email,user,at,id\n1,2,3,4,5,6\n", [list("654321")]),
        (b"id,at,more\n1,2,3\n", [["1", "2", None, None, None, None]]),
        (b"\xef\xbb\xbf" + HEADER + b"1,2,3,4,5,6\n", [list("123456")]),
        (HEADER, []),
        (b"", []),
    ],
)
def test_csv_columns_are_found_by_their_names(tmp_path: Path, content: bytes, expected: list[Any]) -> None:
    assert records(tmp_path, content) == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"id,user\n1,2\n", "lacks the column at in its header"),
        (b"ID,At,user\n1,2,3\n", "lacks the column id, at"),
        (b"id,at,id\n1,2,3\n", "names a column twice"),
        (b"id;at;user;email;ip;n\n1;2;3;4;5;6\n", "lacks the column"),
        (HEADER + b'1,2,3,4,5,6\n1,"2,3,4,5,6\n1,2,3,4,5,6\n', "after record"),
        (HEADER + b'1,"2"x,3,4,5,6\n', "after record"),
    ],
)
def test_a_csv_file_whose_records_cannot_be_told_apart_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UnreadableFile, match=said):
        records(tmp_path, content)


@pytest.mark.parametrize(
    ("encoding", "dialect"),
    [
        ("latin-1", {}),
        ("cp1252", {}),
        ("utf-16", {}),
        ("utf-8", {"delimiter": ";", "quote": "'"}),
        ("utf-8", {"delimiter": "\t"}),
    ],
)
def test_encoding_and_dialect_are_as_declared(tmp_path: Path, encoding: str, dialect: dict[str, str]) -> None:
    mark, quote = dialect.get("delimiter", ","), dialect.get("quote", '"')
    text = (
        HEADER.decode().replace(",", mark) + mark.join(["1", "2", f"{quote}Jürgen{mark}{quote}", "4", "5", "6"]) + "\n"
    )
    found = records(tmp_path, text.encode(encoding), encoding=encoding, **dialect)
    assert found == [["1", "2", f"Jürgen{mark}", "4", "5", "6"]]


def test_a_csv_file_without_a_header_is_read_by_place(tmp_path: Path) -> None:
    assert records(tmp_path, b"1,2,3,4,5,6\n1,2\n", header=False) == [list("123456"), "has 2 fields instead of 6"]


def test_a_long_csv_field_is_kept_and_a_far_too_long_one_is_told(tmp_path: Path) -> None:
    csv.field_size_limit(131_072)
    long, longer = b"x" * 200_000, b"y" * 1_500_000
    found = records(tmp_path, HEADER + b"1,2," + long + b",4,5,6\n1,2," + longer + b",4,5,6\n1,2,3,4,5,6\n")
    assert [len(found[0][2]), found[1], found[2]] == [200_000, "is longer than 1,000,000 characters", list("123456")]


def parquet(folder: Path, **columns: Any) -> list[list[str | None]]:
    path = folder / "a.parquet"
    pq.write_table(pa.table(columns), path)
    return [[row[f"t{index}"] for index in range(len(NAMES))] for row in read(path, source("parquet"))]


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (pa.array([9007199254740993, None]), ["9007199254740993", None]),
        (pa.array([True, None]), ["true", None]),
        (pa.array([1.5, float("nan")]), ["1.5", "nan"]),
        (pa.array([decimal.Decimal("1.10"), None]), ["1.10", None]),
        (pa.array([datetime.date(2026, 3, 4), None]), ["2026-03-04", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        (pa.array([["a", "ü"], None]), ['["a","ü"]', None]),
        (pa.array([{"a": 1}, None]), ['{"a":1}', None]),
        (pa.array([b"a", None]), ["a", None]),
        (pa.nulls(2), [None, None]),
    ],
)
def test_every_parquet_type_becomes_the_text_of_its_value(tmp_path: Path, values: Any, texts: list[str | None]) -> None:
    rows = parquet(tmp_path, id=["1", "2"], at=["x", "y"], user=values)
    assert [row[2] for row in rows] == texts


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        (None, "2026-03-04T05:06:07.000000"),
        ("UTC", "2026-03-04T05:06:07.000000+0000"),
        ("Europe/Berlin", "2026-03-04T06:06:07.000000+0100"),
    ],
)
def test_a_parquet_time_keeps_its_zone(tmp_path: Path, zone: str | None, text: str) -> None:
    moment = datetime.datetime(2026, 3, 4, 5, 6, 7, tzinfo=datetime.UTC if zone else None)
    rows = parquet(tmp_path, id=["1"], at=pa.array([moment], pa.timestamp("us", zone)))
    assert rows[0][1] == text


def test_a_parquet_file_may_lack_an_optional_column_and_no_required_one(tmp_path: Path) -> None:
    assert parquet(tmp_path, id=["1"], at=["x"]) == [["1", "x", None, None, None, None]]
    with pytest.raises(UnreadableFile, match="lacks the column at; it has id"):
        parquet(tmp_path, id=["1"])


def test_a_parquet_file_that_is_none_or_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for content in (b"", b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1"):
        path.write_bytes(content)
        with pytest.raises(UnreadableFile, match="breaks off"):
            read(path, source("parquet"))
    pq.write_table(pa.table([pa.array(["1"])] * 3, names=["id", "at", "id"]), path)
    with pytest.raises(UnreadableFile, match="twice"):
        read(path, source("parquet"))


def test_a_column_may_come_from_inside_a_parquet_row(tmp_path: Path) -> None:
    columns = {
        **WEB["columns"],
        "user": {"type": "text", "from": "who.person.id"},
        "n": {"type": "text", "from": "a.b"},
    }
    feed = Source.model_validate({**WEB, "format": "parquet", "columns": columns})
    who = [{"person": {"id": 2**53 + 1}}, {"person": None}, None]
    pq.write_table(
        pa.table({"id": ["1", "2", "3"], "at": ["x"] * 3, "who": who, "a.b": ["n"] * 3}), tmp_path / "a.parquet"
    )
    found = read(tmp_path / "a.parquet", feed)
    assert [(row["t2"], row["t5"]) for row in found] == [("9007199254740993", "n"), (None, "n"), (None, "n")]
    assert names_in(tmp_path / "a.parquet", feed) == ["id", "at", "who", "a.b"]
    required = {**columns, "user": {"type": "text", "from": "who.person.name", "required": True}}
    with pytest.raises(UnreadableFile, match="lacks the column who.person.name"):
        read(tmp_path / "a.parquet", Source.model_validate({**WEB, "format": "parquet", "columns": required}))


NESTED = [
    {"text": "ü", "at": datetime.datetime(2026, 3, 4, 5, 6), "sum": decimal.Decimal("1.10"), "raw": b"\xff",
     "list": [1.5, None]},
    {"list": [float("nan"), float("inf"), 2.0]},
]  # fmt: skip


def test_a_nested_parquet_value_is_json_whatever_it_holds(tmp_path: Path) -> None:
    maps = pa.array([[("k", 1)], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int64()))
    rows = parquet(tmp_path, id=["1", "2"], at=["x", "y"], user=pa.array(NESTED), ip=maps)
    assert [row[4] for row in rows] == ['{"k":1}', '[["k",1],["k",2]]']
    assert [json.loads(str(row[2])) for row in rows] == [
        {"text": "ü", "at": "2026-03-04 05:06:00", "sum": "1.10", "raw": "\ufffd", "list": [1.5, None]},
        {"text": None, "at": None, "sum": None, "raw": None, "list": [None, None, 2.0]},
    ]


def test_a_parquet_row_whose_bytes_are_no_text_or_are_too_many_costs_that_row_alone(tmp_path: Path) -> None:
    values = pa.array([b"a", b"\xff", None, b"x" * 1_000_001])
    pq.write_table(pa.table({"id": ["1"] * 4, "at": ["x"] * 4, "user": values}), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet", source("parquet"))
    assert [row["problem"] for row in found] == [None, "is not UTF-8 text", None, "is longer than 1,000,000 bytes"]


def test_what_the_folders_of_a_data_set_say_is_a_column_like_any_other(tmp_path: Path) -> None:
    columns = {**WEB["columns"], "user": {"type": "text", "from": "shop", "required": True}, "ip": {"type": "text"}}
    feed = Source.model_validate({**WEB, "format": "parquet", "columns": columns})
    folder = tmp_path / "other=1" / "orders" / "shop=K%C3%B6ln" / "ip=__HIVE_DEFAULT_PARTITION__" / "n=5"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"id": ["1", "2"], "at": ["x"] * 2, "n": ["6"] * 2}), folder / "a.parquet")
    found = read(folder / "a.parquet", feed)
    assert [(row["t2"], row["t4"], row["t5"]) for row in found] == [("Köln", None, "6")] * 2
    assert names_in(folder / "a.parquet", feed) == ["id", "at", "n", "ip", "shop"]
    with pytest.raises(UnreadableFile, match="lacks the column shop"):
        read((folder / "a.parquet").rename(tmp_path / "a.parquet"), feed)


def test_a_packed_parquet_file_is_unpacked_first(tmp_path: Path) -> None:
    pq.write_table(pa.table({"id": ["1"], "at": ["x"]}), tmp_path / "a.parquet")
    packed = tmp_path / "a.parquet.gz"
    packed.write_bytes(gzip.compress((tmp_path / "a.parquet").read_bytes()))
    assert len(read(packed, source("parquet"))) == 1
    packed.write_bytes(packed.read_bytes()[:-9])
    with pytest.raises(UnreadableFile, match="breaks off"):
        read(packed, source("parquet"))


def test_long_parquet_rows_are_taken_few_at_a_time(tmp_path: Path) -> None:
    long = "".join(map(str, range(150_000)))
    pq.write_table(pa.table({"id": [f"{n}{long}" for n in range(100)], "at": ["x"] * 100}), tmp_path / "a.parquet")
    sizes = [len(batch) for batch in read_file(tmp_path / "a.parquet", source("parquet"), 0)]
    assert (sum(sizes), max(sizes) < 60) == (100, True)


def test_a_file_that_is_gone_is_unreadable_and_no_path_of_this_machine_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile) as printed:
        fingerprint(tmp_path / "gone.jsonl")
    with pytest.raises(UnreadableFile) as opened:
        read(tmp_path / "gone.jsonl", source("jsonl"))
    assert str(tmp_path) not in f"{printed.value} {opened.value}"
