"""CSV of any declared dialect: every record is whole, or says what is wrong with it, or its file is refused."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shop_builder import WEB, make_shop

from journey_analytics.errors import ConfigErrors
from journey_analytics.facts.feeds import Source
from journey_analytics.landing import csv_records
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.readers import names_in, read_file

COLUMNS = {"a": {"type": "text"}, "b": {"type": "text"}, "at": WEB["columns"]["at"]}


def feed(**dialect: Any) -> Source:
    return Source.model_validate({**WEB, "format": "csv", "key": [], "csv": dialect, "columns": COLUMNS})


def records(folder: Path, content: bytes | str, **dialect: Any) -> list[Any]:
    """Each record's fields, or its problem."""
    path = folder / "a.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(dialect.get("encoding", "utf-8")))
    rows = [row for batch in read_file(path, feed(**dialect), 0) for row in batch.to_pylist()]
    assert [row["row_number"] for row in rows] == list(range(1, len(rows) + 1))
    return [row["problem"] or [row[f"t{index}"] for index in range(3)] for row in rows]


@pytest.mark.parametrize(
    ("content", "dialect", "expected"),
    [
        ("a;b;at\n'1;2';3;4\n", {"delimiter": ";", "quote": "'"}, [["1;2", "3", "4"]]),
        ('a\tb\tat\n"1\t2"\t3\n', {"delimiter": "\t", "quote": None}, [['"1', '2"', "3"]]),
        ("a\x01b\x01at\n1\x012\x013\n", {"delimiter": "\x01"}, [["1", "2", "3"]]),
        ('a,b,at\n"1\\"2",3\\,4,5\\\\\n', {"escape": "\\"}, [['1"2', "3,4", "5\\"]]),
        ("a\tb\tat\n\\N\t\\\\N\t1\\\t2\n\\N\t\t\\N", {"delimiter": "\t", "quote": None, "escape": "\\", "nulls": "\\N"},
         [[None, "\\N", "1\t2"], [None, "", None]]),
        ("a,b,at\nNULL,-,x\nnull,--,NULL\n", {"nulls": ["NULL", "-"]}, [[None, None, "x"], ["null", "--", None]]),
        ("Report of May\n\na,b,at\n1,2,3\n", {"skip": 2}, [["1", "2", "3"]]),
        ("x\n1,2,3\n", {"skip": 1, "header": False}, [["1", "2", "3"]]),
        ("x\n", {"skip": 5}, []),
        ("a,b,at\r1,2,3\r\n4,5,6\n7,8,9", {"line_end": "any"}, [list("123"), list("456"), list("789")]),
        ('a,b,at\r"1\r2",3,4\r', {"line_end": "any"}, [["1\r2", "3", "4"]]),
        ("a,b,at\n1\r,\r2,\r3\r\n4,5,6\r\n", {}, [["1\r", "\r2", "\r3"], ["4", "5", "6"]]),
        ("a,b,at\n1\r\r\n,2,3\n", {}, ["has 1 fields instead of 3", ["", "2", "3"]]),
        ("b,A,a,at\n1,2,3,4\n", {}, [["3", "1", "4"]]),
    ],
)  # fmt: skip
def test_a_dialect_is_read_as_it_is_declared(
    tmp_path: Path, content: str, dialect: dict[str, Any], expected: list[Any]
) -> None:
    assert records(tmp_path, content, **dialect) == expected


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-16", "utf-32-be", "shift_jis", "gb18030", "cp037", "koi8-r"]
)
def test_any_encoding_that_python_knows_may_be_declared(tmp_path: Path, encoding: str) -> None:
    word = {"shift_jis": "購入", "gb18030": "购买", "koi8-r": "купить"}.get(encoding, "kaufen")
    assert records(tmp_path, f"a,b,at\n{word},2,3\n", encoding=encoding) == [[word, "2", "3"]]


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        ({"encoding": "utf-9"}, "'utf-9' is not an encoding that Python knows"),
        ({"encoding": "rot13"}, "'rot13' is not an encoding that Python knows"),
        ({"encoding": "idna"}, "'idna' is not an encoding of files"),
        ({"delimiter": '"'}, "three different signs"),
        ({"delimiter": "\n"}, "a line end is neither delimiter"),
        ({"nulls": ["a,b"]}, "cannot stand in one field"),
        ({"delimiter": "||"}, "at most 1 character"),
        ({"escpae": "\\"}, "did you mean 'escape'"),
    ],
)
def test_a_dialect_that_cannot_be_is_a_mistake_of_the_set_up(
    tmp_path: Path, dialect: dict[str, Any], said: str
) -> None:
    shop = make_shop(tmp_path / "shop", format="csv", csv=dialect)
    with pytest.raises(ConfigErrors, match=said):
        shop.project()


def test_a_dialect_belongs_to_a_feed_of_csv(tmp_path: Path) -> None:
    shop = make_shop(tmp_path / "shop", csv={"delimiter": ";"})
    with pytest.raises(ConfigErrors, match="`csv` belongs to a feed of `format: csv`"):
        shop.project()


def test_r01_bytes_that_are_no_text_cost_their_record_alone(tmp_path: Path) -> None:
    content = "a,b,at\n1,2,3\nJürgen,2,3\n".encode("latin-1") + b"4,5,6\n"
    assert records(tmp_path, content) == [list("123"), "is not utf-8 text", list("456")]
    with pytest.raises(UnreadableFile, match="has a header that is not utf-8 text"):
        records(tmp_path, b"a,\xff,at\n1,2,3\n")
    with pytest.raises(UnreadableFile, match="breaks off"):
        records(tmp_path, "a,b,at\n".encode("utf-16") + b"\x00", encoding="utf-16")


def test_a_line_without_end_costs_one_record_and_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "LINE_CHARACTERS", 1000)
    long = "x" * 5000
    found = records(tmp_path, f"a,b,at\n1,2,3\n{long},{long},{long}\n4,5,6\n{long}")
    assert found == [
        list("123"),
        "is longer than 1,000,000 characters",
        list("456"),
        "is longer than 1,000,000 characters",
    ]


def test_r04_a_quote_that_is_never_closed_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="after record 0: unexpected end of data"):
        records(tmp_path, 'a,b,at\n1,2,3\n1,"2,3\n4,5,6\n')


def test_the_names_of_a_file_are_those_of_its_header(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("# of May\nb;a ;At\n1;2;3\n")
    assert names_in(path, feed(delimiter=";", skip=1)) == ["b", "a ", "At"]
    assert names_in(path, feed(header=False)) == []


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8) | st.sampled_from(
    ["", '"', '""', "\r", "\n", "\r\n", "a\rb", ",", ";", "\\", "\u2028", "\x85", "\ufeff", "x\r"]
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=6), delimiter=st.sampled_from([",", ";", "\t", "|"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]), batch=st.integers(1, 3),
)  # fmt: skip
def test_what_was_written_as_csv_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], delimiter: str, line_end: str, batch: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b", "at"), *rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(csv_records, "BATCH_RECORDS", batch)
        found = records(
            tmp_path_factory.mktemp("csv"), text.getvalue(), delimiter=delimiter,
            line_end="any" if line_end == "\r" else "lf",
        )  # fmt: skip
    assert found == [list(row) for row in rows]


def test_the_columns_of_every_batch_are_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("a,at\n1,2\n,\n")
    (batch,) = read_file(path, feed(nulls=["1"]), 0)
    assert [batch.schema.field(f"t{index}").type for index in range(3)] == [pa.large_string()] * 3
    assert [batch.column(f"t{index}").to_pylist() for index in range(3)] == [[None, ""], [None, None], ["2", ""]]
