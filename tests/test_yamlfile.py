"""YAML without surprises: every trap of YAML 1.1 is either text or an error with a line."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from journey_analytics.errors import ConfigError
from journey_analytics.facts.yamlfile import MAX_BYTES, read_yaml


def read(folder: Path, text: str | bytes) -> object:
    path = folder / "some.yml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_yaml(path).value


@pytest.mark.parametrize(
    "word",
    [
        "on",
        "off",
        "yes",
        "no",
        "NO",
        "Yes",
        "y",
        "True",
        "10:30",
        "1:2:3",
        "0x1F",
        "0o17",
        "1_000",
        "007",
        ".inf",
        ".nan",
        "+5",
    ],
)
def test_words_that_yaml_takes_for_something_else_stay_words(tmp_path: Path, word: str) -> None:
    assert read(tmp_path, f"key: {word}") == {"key": word}


def test_keys_that_yaml_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    assert read(tmp_path, "on: 2026-03-04\nno: 1\n") == {"on": datetime.date(2026, 3, 4), "no": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-3", -3),
        ("0", 0),
        ("0.51", 0.51),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("true", True),
        ("~", None),
        ("", None),
        ("'5'", "5"),
    ],
)
def test_plain_numbers_truths_and_nothing_are_what_they_look_like(tmp_path: Path, text: str, value: object) -> None:
    assert read(tmp_path, f"key: {text}") == {"key": value}


def test_a_number_in_a_text_field_keeps_the_zero_it_was_typed_with(tmp_path: Path) -> None:
    value = read(tmp_path, "version: 5.10")
    assert isinstance(value, dict)
    assert (str(value["version"]), value["version"]) == ("5.10", 5.1)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "gives the key 'a' twice"),
        ("a: &x [1]\nb: *x\n", 1, "uses an anchor"),
        ("a: &x [*x]\n", 1, "uses an anchor"),
        ("a: 1\n<<: {b: 2}\n", 2, "has a key that is not a word"),
        ("? [a, b]\n: 1\n", 1, "has a key that is not a word"),
        ("a: 1\nb:\n\tc: 2\n", 3, "is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "is not YAML"),
        ("a: [1, 2\nb: 3\n", 2, "is not YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", 1, "uses the tag"),
        ("a: !!python/name:os.system\n", 1, "uses the tag"),
        ("a: !!set {x, y}\n", 1, "uses the tag"),
        ("a: 1\nb: !!bool perhaps\n", 2, "'perhaps' is not true or false"),
        ("a: !!timestamp soon\n", 1, "'soon' is not a date"),
        ("a: 2026-02-30\n", 1, "'2026-02-30' is not a date"),
    ],
)  # fmt: skip
def test_what_yaml_would_let_pass_is_refused_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert reason in refused.value.reason
    assert refused.value.where == f"some.yml:{line}"


def test_a_billion_laughs_are_refused_before_the_second(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(ConfigError, match="anchor"):
        read(tmp_path, bomb)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a: \xff\xfe", "is not UTF-8 text"),
        ("a: 1".encode("utf-16"), "is not UTF-8 text"),
        (b"a: \x07\n", "characters that YAML forbids"),
        (b"a: " + b"x" * MAX_BYTES, "larger than 1 MB"),
        (b"[" * 5000, "nested too deeply"),
    ],
)
def test_a_file_that_is_no_plain_yaml_says_why(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, content)
    assert reason in refused.value.reason


def test_an_empty_file_holds_nothing_and_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None
    assert read(tmp_path, "# only a comment\n") is None
    assert read(tmp_path, b"\xef\xbb\xbfa: 1\n") == {"a": 1}


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as missing:
        read_yaml(tmp_path / "none.yml")
    with pytest.raises(ConfigError) as folder:
        read_yaml(tmp_path)
    assert "none.yml" in missing.value.where
    assert "directory" in folder.value.reason


def test_every_value_knows_its_line(tmp_path: Path) -> None:
    path = tmp_path / "some.yml"
    path.write_text("a:\n  - b: 1\n    c: 2\n  - {d: 3,\n     e: 4}\n")
    document = read_yaml(path)
    places = [("a",), ("a", 0, "c"), ("a", 1, "e"), ("a", 1, "missing"), ("nowhere",)]
    assert [document.where(place) for place in places] == [f"some.yml:{line}" for line in (1, 3, 5, 4, 1)]
