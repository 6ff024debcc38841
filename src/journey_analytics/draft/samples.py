"""The first records of a file: its format, its dialect, and its columns with their texts.

Only this module guesses how a file is written; what it finds is written into the feed's YAML, and never guessed again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from journey_analytics.errors import InputError
from journey_analytics.landing.packed import UnreadableFile, open_packed
from journey_analytics.landing.parquet_rows import first_rows

FORMATS = ("csv", "jsonl", "json", "parquet")
MAX_ROWS = 2_000
MAX_BYTES = 4_000_000
DELIMITERS = (",", ";", "\t", "|")

_PACKED = (".gz", ".bz2", ".zst")
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet"}

Row = dict[str, str]


@dataclass(frozen=True)
class Sample:
    """The first records of a file.

    `rows` have the columns' texts by where they stand in the file; what is empty is left out. `csv` is the dialect of a
    CSV file, `names` its columns in order, and `records` the way to the list of a JSON document.
    """

    format: str
    rows: list[Row]
    csv: Mapping[str, Any] = field(default_factory=dict)
    records: str | None = None
    names: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Every place that a value stands in, in the order of the file."""
        return list(self.names) or list(dict.fromkeys(name for row in self.rows for name in row))

    def texts(self, column: str) -> list[str]:
        """The texts of one column, without the rows that have none."""
        return [row[column] for row in self.rows if column in row]


def read_sample(path: Path, format_: str | None = None) -> Sample:
    """Read the first records of a file.

    Raises
    ------
    InputError : the file cannot be read, is not of the format named, or has no record
    """
    try:
        kind = format_ or _format_of(path)
        if kind == "parquet":
            sample = Sample(kind, [_flat(row) for row in first_rows(path, MAX_ROWS)])
        elif kind == "csv":
            sample = _csv_sample(_head(path))
        else:
            sample = _json_sample(_head(path), kind)
    except (OSError, UnreadableFile, UnicodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
        raise InputError(
            f"cannot be read: {reason}", where=path.name, allowed=", ".join(FORMATS), do="name its format with --format"
        ) from error
    if not sample.rows:
        raise InputError("holds no record", where=path.name, do="take a file with some rows")
    return sample


def _format_of(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in _PACKED]
    kind = _SUFFIXES.get(suffixes[-1] if suffixes else "", "")
    head = _head(path) if kind != "parquet" else b""
    if kind == "parquet" or head.startswith(b"PAR1"):
        return "parquet"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] not in (b"{", b"["):
        return "csv"
    return "json" if _is_document(head) else "jsonl"


def _head(path: Path) -> bytes:
    with open_packed(path) as file:
        return file.read(MAX_BYTES)


def _is_document(head: bytes) -> bool:
    """Whether JSON is one document, and not an object on each line; a page of an API is one, if only of one line."""
    first, _, rest = head.lstrip(b"\xef\xbb\xbf \r\n\t").partition(b"\n")
    try:
        value = json.loads(first)
    except ValueError:
        return True
    return not isinstance(value, dict) or (not rest.strip() and _list_within(value) is not None)


def _list_within(value: Any) -> str | None:
    """The only key of a document that holds a list of objects; None where there is no such, or it has an id itself."""
    if not isinstance(value, dict) or {"id", "uuid"} & set(value):
        return None
    lists = [key for key, inner in value.items() if _is_list_of_objects(inner)]
    return lists[0] if len(lists) == 1 else None


def _json_sample(head: bytes, kind: str) -> Sample:
    text = head.decode("utf-8-sig", "replace")
    if kind == "jsonl":
        lines = text.splitlines() if len(head) < MAX_BYTES else text.splitlines()[:-1]
        found = [json.loads(line) for line in lines[:MAX_ROWS] if line.strip()]
        return Sample(kind, [_flat(each) for each in found if isinstance(each, dict)])
    whole = json.loads(text)
    records = _list_within(whole)
    found = whole[records] if records else whole if isinstance(whole, list) else [whole]
    return Sample(kind, [_flat(each) for each in found[:MAX_ROWS] if isinstance(each, dict)], records=records)


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _flat(record: Mapping[str, Any]) -> Row:
    return {path: text for path, text in _places(record, "") if text.strip()}


def _places(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """(path, text) of every value within a record, as a column's `from` would name it."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            name = f'"{key}"' if set(key) & set('.[]"') else key
            yield from _places(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        if _is_list_of_objects(value) and all({"key", "value"} <= set(each) for each in value):
            for each in value:
                yield from _entry(each, path)
        elif value:
            yield from _places(value[0], f"{path}[0]")
    elif value is not None:
        yield path, str(value).lower() if isinstance(value, bool) else _text(value)


def _entry(entry: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    value = entry["value"]
    if isinstance(value, Mapping):
        value = next((told for told in value.values() if told is not None), None)
    if value is not None and not isinstance(value, Mapping | list):
        yield f"{path}[{entry['key']}]", _text(value)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _csv_sample(head: bytes) -> Sample:
    encoding, text = _decoded(head)
    if len(head) >= MAX_BYTES:
        text = text[: text.rfind("\n") + 1]
    dialect: dict[str, Any] = {"delimiter": _delimiter(text), "quote": '"', "encoding": encoding}
    table = list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect["delimiter"]))[: MAX_ROWS + 1]
    dialect["header"] = _is_header(table[0]) if table else True
    first = table[0] if table else []
    names = first if dialect["header"] else [f"column_{number}" for number, _ in enumerate(first, 1)]
    rows = [
        {name: text.strip() for name, text in zip(names, record, strict=False) if text.strip()}
        for record in (table[1:] if dialect["header"] else table)
        if len(record) == len(names)
    ]
    return Sample("csv", rows, dialect, names=tuple(names))


def _decoded(head: bytes) -> tuple[str, str]:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", head.decode("utf-16", "ignore")
    try:
        return "utf-8", head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start > len(head) - 4:  # a letter that the sample's end cuts in two
            return "utf-8", head[: error.start].decode("utf-8-sig")
    return "cp1252", head.decode("cp1252", "replace")


def _delimiter(text: str) -> str:
    """The sign that cuts most of the first lines into the same number of fields, more than one."""
    lines = text.splitlines()[:200]

    def evenness(sign: str) -> tuple[int, int]:
        widths = [len(record) for record in csv.reader(lines, delimiter=sign) if record]
        usual = max(set(widths), key=widths.count) if widths else 1
        return (widths.count(usual) if usual > 1 else 0, usual)

    return max(DELIMITERS, key=evenness)


def _is_header(first: Sequence[str]) -> bool:
    """Whether the first record names columns: no two alike, none empty, none that starts with a digit."""
    return len(set(first)) == len(first) and all(name.strip() and not name.strip()[0].isdigit() for name in first)
