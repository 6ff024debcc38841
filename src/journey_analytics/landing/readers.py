"""Files as record batches: every record numbered, nothing guessed, nothing lost.

One record is one line of JSON, one element of a JSON document, one CSV record or one Parquet row. A record that cannot
be read whole is handed on with its problem instead of its fields, so that whoever counts can account for it. A file
that breaks off raises `UnreadableFile`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from journey_analytics.facts.feeds import Source
from journey_analytics.facts.paths import Route, parsed
from journey_analytics.landing.json_documents import read_documents
from journey_analytics.landing.nested import text_at
from journey_analytics.landing.packed import (
    MAX_RECORD_BYTES,
    UnreadableFile,
    open_packed,
    text_or_problem,
)

CHUNK_BYTES = 16_000_000
CSV_BATCH_RECORDS = 50_000
CSV_FIELD_BYTES = 16_000_000

BASE_FIELDS = [
    ("file_index", pa.int32()),
    ("row_number", pa.int64()),
    ("problem", pa.large_string()),
    ("raw", pa.large_string()),
]


@dataclass(frozen=True)
class Fingerprint:
    """What a file was when it was looked at: sha256 of its bytes as stored, and its size."""

    sha256: str
    size: int


def fingerprint(path: Path) -> Fingerprint:
    """Hash a file as it is stored.

    Raises
    ------
    UnreadableFile : it is gone, or may not be read
    """
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Fingerprint(digest, path.stat().st_size)
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror}") from error


def schema_of(source: Source) -> pa.Schema:
    """The columns of every batch: the base fields, and for CSV and Parquet one text column per declared column."""
    texts = [] if source.is_json else [(f"t{index}", pa.large_string()) for index in range(len(source.columns))]
    return pa.schema([*BASE_FIELDS, *texts])


def read_file(path: Path, source: Source, file_index: int) -> Iterator[pa.RecordBatch]:
    """Read one file of a feed.

    Yields
    ------
    batches of `schema_of(source)`: `row_number` counts records from 1; either `problem` says why a record could not be
    read, or it is null; `raw` is the record's text where the format has one

    Raises
    ------
    UnreadableFile : the file breaks off or is not of its format; what was yielded before must be discarded
    """
    read: Callable[[Path, Source], Iterator[list[Any]]] = {
        "jsonl": _read_lines,
        "json": _read_json,
        "csv": _read_csv,
        "parquet": _read_parquet,
    }[source.format]
    schema, first = schema_of(source), 1
    try:
        for columns in read(path, source):
            count = len(columns[0])
            if count:
                numbers = [np.full(count, file_index, np.int32), np.arange(first, first + count, dtype=np.int64)]
                yield pa.record_batch([*map(pa.array, numbers), *columns], schema=schema)
                first += count
    except csv.Error as error:
        raise UnreadableFile(f"is not CSV of its declared dialect, after record {first - 1:,}: {error}") from error
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, UnicodeError) as error:
        raise UnreadableFile(_told(error)) from error


def table_of(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The batches as one Arrow table."""
    return pa.Table.from_batches(list(batches), schema=schema)


def _told(error: BaseException) -> str:
    """The error's first line; never a path of this machine."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    text = text.splitlines()[0] if text else type(error).__name__
    return f"breaks off or is not of its declared format: {text}"


def _line_blocks(path: Path) -> Iterator[bytes]:
    """Whole lines with their ends, many at a time; the last line may lack its end.

    Of a line that is far too long only the beginning is kept, so that memory stays bounded.
    """
    with open_packed(path) as file:
        rest = b""
        while block := file.read(CHUNK_BYTES):
            cut = block.rfind(b"\n") + 1
            if cut:
                yield rest + block[:cut]
                rest = block[cut:]
            else:
                rest = (rest + block)[: MAX_RECORD_BYTES + 1]
        if rest:
            yield rest


def _read_lines(path: Path, source: Source) -> Iterator[list[Any]]:
    """(problem, raw) of the lines; a raw line keeps its line end, which JSON does not mind."""
    is_first = True
    for block in _line_blocks(path):
        if is_first:
            block, is_first = block.removeprefix(b"\xef\xbb\xbf"), False
            if not block:
                continue
        ends = np.cumsum(np.fromiter(map(len, block.split(b"\n")), np.int64) + 1)
        ends = ends[:-1] if block.endswith(b"\n") else np.minimum(ends, len(block))
        starts = np.concatenate(([0], ends))
        if len(ends) and np.diff(starts).max() <= MAX_RECORD_BYTES and _is_utf8(block):
            lines = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(block))
            yield [pa.nulls(len(lines), pa.large_string()), lines]
        else:
            told = [text_or_problem(block[i:j]) for i, j in zip(starts[:-1], ends, strict=True)]
            yield [pa.array([line[place] for line in told], pa.large_string()) for place in (0, 1)]


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _read_json(path: Path, source: Source) -> Iterator[list[Any]]:
    for told in read_documents(path, source):
        yield [pa.array([record[place] for record in told], pa.large_string()) for place in (0, 1)]


def _read_csv(path: Path, source: Source) -> Iterator[list[Any]]:
    dialect = source.csv
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    with open_packed(path) as file:
        text = io.TextIOWrapper(io.BufferedReader(cast(Any, file)), encoding=encoding, newline="\n")
        csv.field_size_limit(CSV_FIELD_BYTES)
        records = csv.reader(
            _bare_returns_shown(text), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True
        )
        places, width = list(range(len(source.columns))), len(source.columns)
        if dialect.header:
            header = next(records, None)
            if header is None:
                return
            _check_header(header, source)
            paths = [path for name, column in source.columns.items() for path in column.paths(name)]
            places, width = [header.index(path) if path in header else -1 for path in paths], len(header)
        for problems, raws, *texts in _csv_batches(records, places, width):
            yield [problems, raws, *(_first_told(texts, source) if dialect.header else texts)]


def _bare_returns_shown(lines: Iterable[str]) -> Iterator[str]:
    """A carriage return inside a line is data, not a line end: shown as a symbol, so that no reader stumbles."""
    for line in lines:
        body = line.rstrip("\r\n")
        yield line if "\r" not in body else body.replace("\r", "␍") + line[len(body) :]


def _check_header(header: Sequence[str], source: Source) -> None:
    if len(set(header)) != len(header):
        raise UnreadableFile(f"names a column twice in its header: {', '.join(header)}")
    if missing := _missing(header, source):
        raise UnreadableFile(f"lacks the column {', '.join(missing)} in its header: {', '.join(header)[:300]}")


def _missing(present: Sequence[str], source: Source) -> list[str]:
    """The required columns for which the file has no place."""
    return [
        " or ".join(column.paths(name))
        for name, column in source.columns.items()
        if column.required and not set(column.paths(name)) & set(present)
    ]


def _first_told(texts: Sequence[pa.Array], source: Source) -> Iterator[pa.Array]:
    """One array a column, from one array a path: where a column has several, the first text that is not empty."""
    remaining = iter(texts)
    for name, column in source.columns.items():
        told = [next(remaining) for _ in column.paths(name)]
        yield told[0] if len(told) == 1 else pc.coalesce(*(pc.if_else(pc.equal(text, ""), None, text) for text in told))


def _csv_batches(records: Iterator[list[str]], places: list[int], width: int) -> Iterator[list[Any]]:
    problems: list[str | None] = []
    raws: list[str | None] = []
    columns: list[list[str | None]] = [[] for _ in places]
    for record in records:
        problem = _wrong_with(record, width)
        problems.append(problem)
        raws.append(None if problem is None else ",".join(record)[:MAX_RECORD_BYTES])
        for place, column in zip(places, columns, strict=True):
            column.append(record[place] if problem is None and place >= 0 else None)
        if len(problems) >= CSV_BATCH_RECORDS:
            yield [pa.array(values, pa.large_string()) for values in (problems, raws, *columns)]
            problems, raws, columns = [], [], [[] for _ in places]
    yield [pa.array(values, pa.large_string()) for values in (problems, raws, *columns)]


def _wrong_with(record: list[str], width: int) -> str | None:
    if len(record) != width:
        return "is an empty line" if not record else f"has {len(record)} fields instead of {width}"
    if sum(map(len, record)) > MAX_RECORD_BYTES:
        return f"is longer than {MAX_RECORD_BYTES:,} characters"
    return None


def _read_parquet(path: Path, source: Source) -> Iterator[list[Any]]:
    with pq.ParquetFile(path) as file:
        present = file.schema_arrow.names
        if len(set(present)) != len(present):
            raise UnreadableFile(f"names a column twice: {', '.join(present)[:300]}")
        paths = [path for name, column in source.columns.items() for path in column.paths(name)]
        routes = {path: route for path in paths if (route := _route_in(present, path)) is not None}
        if missing := _missing(list(routes), source):
            raise UnreadableFile(f"lacks the column {', '.join(missing)}; it has {', '.join(sorted(present))[:300]}")
        for batch in file.iter_batches(columns=sorted({str(route.steps[0]) for route in routes.values()})):
            nothing = pa.nulls(len(batch), pa.large_string())
            texts = [_text_at(batch, routes[path]) if path in routes else nothing for path in paths]
            yield [nothing, nothing, *_first_told(texts, source)]


def _route_in(present: Sequence[str], text: str) -> Route | None:
    """The way to a column of that very name, or into a nested column; None where the file has neither."""
    if text in present:
        return Route((text,))
    try:
        route = parsed(text)
    except ValueError:
        return None
    return route if route.steps[0] in present else None


def _text_at(batch: pa.RecordBatch, route: Route) -> pa.Array:
    """What a route leads to, as text; a column that holds JSON as text is gone into like a nested one."""
    values, steps = batch.column(str(route.steps[0])), list(route.steps[1:])
    while steps and pa.types.is_struct(values.type):
        place = values.type.get_field_index(str(steps.pop(0)))
        values = values.flatten()[place] if place >= 0 else pa.nulls(len(batch), pa.large_string())
    if not steps and route.entry is None:
        return _as_text(values)
    rest = Route(tuple(steps), route.entry)
    return pa.array([text_at(value, rest) for value in values.to_pylist()], pa.large_string())


def _as_text(values: pa.Array) -> pa.Array:
    """Any Parquet type as the text that a contract reads; a nested value as JSON."""
    kind = values.type
    if pa.types.is_timestamp(kind):
        values = pc.strftime(values, format="%Y-%m-%dT%H:%M:%S%z" if kind.tz else "%Y-%m-%dT%H:%M:%S")
    elif pa.types.is_nested(kind):
        dumped = [None if value is None else json.dumps(value, default=str) for value in values.to_pylist()]
        return pa.array(dumped, pa.large_string())
    return values.cast(pa.large_string())
