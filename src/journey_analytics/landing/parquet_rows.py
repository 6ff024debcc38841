"""Parquet rows as records: each declared column as the text that a contract reads, from any depth of a row."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from journey_analytics.facts.feeds import Source
from journey_analytics.facts.paths import Route, parsed
from journey_analytics.landing.named_columns import first_told, missing, places, told
from journey_analytics.landing.nested import as_json, python_value, text_at
from journey_analytics.landing.packed import MAX_RECORD_BYTES, UnreadableFile, is_packed, open_packed

BATCH_ROWS = 50_000
BATCH_BYTES = 32_000_000

_NO_TEXT = "is not UTF-8 text"
_TOO_LONG = f"is longer than {MAX_RECORD_BYTES:,} bytes"


def read_parquet(path: Path, source: Source) -> Iterator[list[pa.Array]]:
    """(problem, raw, one text per declared column) of the rows, many at a time; a row has no raw text.

    A column comes `from` a column of that very name, from a path into a nested one, or from the file's folders where
    these say it (`day=2026-03-01/`).

    Raises
    ------
    UnreadableFile : the file lacks a required column, or names one twice
    """
    with _seekable(path) as file, pq.ParquetFile(file) as rows:
        present = rows.schema_arrow.names
        if len(set(present)) != len(present):
            raise UnreadableFile(f"names a column twice: {told(present, source)}")
        routes = [(place, _route_in(rows.schema_arrow, place)) for place in places(source)]
        said = _said_by_folders(path)
        if lacking := missing([place for place, route in routes if route is not None or place in said], source):
            raise UnreadableFile(f"lacks the column {', '.join(lacking)}; it has {told(sorted(present), source)}")
        roots = sorted({str(route.steps[0]) for _, route in routes if route is not None})
        for batch in rows.iter_batches(columns=roots, batch_size=_batch_rows(rows.metadata)):
            found = [
                _text_at(batch, route) if route is not None else (_repeated(said.get(place), len(batch)), None)
                for place, route in routes
            ]
            texts = first_told([text for text, _ in found], source)
            yield [_problems(found, len(batch)), pa.nulls(len(batch), pa.large_string()), *texts]


def parquet_names(path: Path) -> list[str]:
    """The names of a file's columns, those that its folders say among them."""
    with _seekable(path) as file, pq.ParquetFile(file) as rows:
        return list(dict.fromkeys([*rows.schema_arrow.names, *_said_by_folders(path)]))


def first_rows(path: Path, count: int) -> list[dict[str, Any]]:
    """A file's first rows as Python values, by the names of its columns."""
    with _seekable(path) as file, pq.ParquetFile(file) as rows:
        batch = next(rows.iter_batches(batch_size=count), None)
    return [] if batch is None else batch.to_pylist()


def _said_by_folders(path: Path) -> dict[str, str | None]:
    """The values that a data set is split by, as its folders are named: `day=2026-03-01/shop=Berlin/`."""
    said: dict[str, str | None] = {}
    for folder in itertools.takewhile(lambda folder: "=" in folder.name, path.parents):
        name, _, value = folder.name.partition("=")
        said[unquote(name)] = None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value)
    return said


def _repeated(text: str | None, count: int) -> pa.Array:
    return pa.array([text] * count, pa.large_string())


@contextmanager
def _seekable(path: Path) -> Iterator[Path | IO[bytes]]:
    """The file itself; a packed one is unpacked beside the system's other temporary files first."""
    if not is_packed(path):
        yield path
        return
    with tempfile.TemporaryFile() as unpacked, open_packed(path) as packed:
        shutil.copyfileobj(packed, unpacked)
        unpacked.seek(0)
        yield unpacked


def _route_in(schema: pa.Schema, text: str) -> Route | None:
    """The way to a column of that very name, or into a nested column; None where the file has neither."""
    if text in schema.names:
        return Route((text,))
    try:
        route = parsed(text)
    except ValueError:
        return None
    if route.steps[0] not in schema.names:
        return None
    kind = schema.field(str(route.steps[0])).type
    for step in route.steps[1:]:
        if not pa.types.is_struct(kind):
            break
        if kind.get_field_index(str(step)) < 0:
            return None
        kind = kind.field(str(step)).type
    return route


def _batch_rows(metadata: Any) -> int:
    """How many rows are taken at a time, so that long ones do not fill the memory."""
    size: int = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    return max(1, min(BATCH_ROWS, BATCH_BYTES * int(metadata.num_rows) // max(1, size)))


def _text_at(batch: pa.RecordBatch, route: Route) -> tuple[pa.Array, pa.Array | None]:
    """(what a route leads to as texts, which of them are none; None where all are).

    A column that holds JSON as text is gone into like a nested one.
    """
    nothing = pa.nulls(len(batch), pa.large_string())
    values, steps = batch.column(str(route.steps[0])), list(route.steps[1:])
    while steps and pa.types.is_struct(values.type):
        place = values.type.get_field_index(str(steps.pop(0)))
        values = values.flatten()[place] if place >= 0 else nothing
    if not steps and route.entry is None:
        return _as_text(values)
    rest = Route(tuple(steps), route.entry)
    return pa.array([text_at(python_value(value), rest) for value in values], pa.large_string()), None


def _as_text(values: pa.Array) -> tuple[pa.Array, pa.Array | None]:
    """Any Parquet type as text: a nested value as JSON, a time with its offset."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kind = values.type
    if pa.types.is_timestamp(kind):
        values = pc.strftime(values, format="%Y-%m-%dT%H:%M:%S%z" if kind.tz else "%Y-%m-%dT%H:%M:%S")
    elif pa.types.is_nested(kind):
        return pa.array([as_json(python_value(value)) for value in values], pa.large_string()), None
    elif pa.types.is_string(kind) or pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind):
        values = values.cast(pa.large_binary())  # from which the cast to text looks at every byte
    try:
        return values.cast(pa.large_string()), None
    except pa.ArrowInvalid:
        return _text_by_text(values)


def _text_by_text(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    texts: list[str | None] = []
    wrong: list[bool] = []
    for value in values.to_pylist():
        try:
            texts.append(None if value is None else value.decode("utf-8"))
            wrong.append(False)
        except UnicodeDecodeError:
            texts.append(None)
            wrong.append(True)
    return pa.array(texts, pa.large_string()), pa.array(wrong)


def _problems(texts: list[tuple[pa.Array, pa.Array | None]], count: int) -> pa.Array:
    """What is wrong with each row as a whole; null where nothing is."""
    lengths = pa.nulls(count, pa.int64()).fill_null(0)
    problems = pa.nulls(count, pa.large_string())
    for text, wrong in texts:
        lengths = pc.add(lengths, pc.binary_length(text).fill_null(0))
        if wrong is not None:
            problems = pc.if_else(wrong, _NO_TEXT, problems)
    if count and pc.max(lengths).as_py() > MAX_RECORD_BYTES:
        problems = pc.if_else(pc.greater(lengths, MAX_RECORD_BYTES), _TOO_LONG, problems)
    return problems.cast(pa.large_string())
