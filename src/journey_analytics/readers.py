"""Files as record batches: every record numbered, nothing guessed, nothing lost.

One record is one line of JSON, one CSV record or one Parquet row. A record that cannot be read whole is handed on with its
problem instead of its fields, so that whoever counts can account for it. A file that breaks off raises `UnreadableFile`.
This is the only module that imports pyarrow.
"""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from journey_analytics.feeds import Source

CHUNK_BYTES = 16_000_000
MAX_RECORD_BYTES = 1_000_000
CSV_BATCH_RECORDS = 50_000

BASE_FIELDS = [("file_index", pa.int32()), ("row_number", pa.int64()), ("problem", pa.large_string()), ("raw", pa.large_string())]


class UnreadableFile(Exception):
    """The file itself is broken (cut archive, wrong format); the message says how."""


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
    texts = [] if source.format == "jsonl" else [(f"t{index}", pa.large_string()) for index in range(len(source.columns))]
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
    read: Callable[[Path, Source], Iterator[list[Any]]] = {"jsonl": _read_lines, "csv": _read_csv, "parquet": _read_parquet}[source.format]
    schema, first = schema_of(source), 1
    try:
        for columns in read(path, source):
            count = len(columns[0])
            if count:
                numbers = [pa.repeat(pa.scalar(file_index, pa.int32()), count), pa.array(range(first, first + count), pa.int64())]
                yield pa.record_batch([*numbers, *columns], schema=schema)
                first += count
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, csv.Error, UnicodeError) as error:
        raise UnreadableFile(_told(error)) from error


def table_of(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The batches as one Arrow table."""
    return pa.Table.from_batches(list(batches), schema=schema)


def _told(error: BaseException) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return f"breaks off or is not of its declared format: {text}"


def _open(path: Path) -> IO[bytes]:
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if suffix == ".bz2":
        return cast(IO[bytes], bz2.open(path, "rb"))
    if suffix == ".zst":
        return cast(IO[bytes], pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def _line_blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, many at a time; the last line may lack its line end."""
    with _open(path) as file:
        rest = b""
        while block := file.read(CHUNK_BYTES):
            block = rest + block
            cut = block.rfind(b"\n")
            if cut < 0:
                rest = block
                continue
            yield block[:cut]
            rest = block[cut + 1 :]
        if rest:
            yield rest


def _read_lines(path: Path, source: Source) -> Iterator[list[Any]]:
    first = True
    for block in _line_blocks(path):
        if first:
            block, first = block.removeprefix(b"\xef\xbb\xbf"), False
        lines = pc.split_pattern(pa.array([block], pa.large_binary()), b"\n").flatten()
        yield list(_texts_or_problems(lines))


def _texts_or_problems(lines: pa.Array) -> tuple[pa.Array, pa.Array]:
    """(problem, raw) of many lines at once; line by line only where one of them is not UTF-8 or too long."""
    texts = _decoded(lines)
    if texts is not None:
        return pa.nulls(len(lines), pa.large_string()), texts
    problems: list[str | None] = []
    raws: list[str] = []
    for line in lines.to_pylist():
        problem, raw = _text_or_problem(line)
        problems.append(problem)
        raws.append(raw)
    return pa.array(problems, pa.large_string()), pa.array(raws, pa.large_string())


def _decoded(lines: pa.Array) -> pa.Array | None:
    """All lines as text, or None where one of them is too long or not UTF-8."""
    if pc.any(pc.greater(pc.binary_length(lines), MAX_RECORD_BYTES)).as_py():
        return None
    try:
        return lines.cast(pa.large_string())
    except pa.ArrowInvalid:
        return None


def _text_or_problem(line: bytes) -> tuple[str | None, str]:
    if len(line) > MAX_RECORD_BYTES:
        return f"is longer than {MAX_RECORD_BYTES:,} bytes", line[:2000].decode("utf-8", "replace")
    try:
        return None, line.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not UTF-8 text (byte {error.start + 1})", line.decode("utf-8", "replace")


def _read_csv(path: Path, source: Source) -> Iterator[list[Any]]:
    dialect = source.csv
    encoding = "utf-8-sig" if dialect.encoding == "utf-8" else dialect.encoding
    with _open(path) as file:
        text = io.TextIOWrapper(io.BufferedReader(cast(Any, file)), encoding=encoding, newline="\n")
        records = csv.reader(_bare_returns_shown(text), delimiter=dialect.delimiter, quotechar=dialect.quote, strict=True)
        names = [column.from_ or name for name, column in source.columns.items()]
        places, width = list(range(len(names))), len(names)
        if dialect.header:
            header = next(records, None)
            if header is None:
                return
            places, width = _places(header, names, source), len(header)
        yield from _csv_batches(records, places, width)


def _bare_returns_shown(lines: Iterable[str]) -> Iterator[str]:
    """A carriage return inside a line is data, not a line end: shown as the symbol for it, so that no reader stumbles."""
    for line in lines:
        body = line.rstrip("\r\n")
        yield line if "\r" not in body else body.replace("\r", "␍") + line[len(body) :]


def _places(header: list[str], names: list[str], source: Source) -> list[int]:
    if len(set(header)) != len(header):
        raise UnreadableFile(f"names a column twice in its header: {', '.join(header)}")
    missing = [
        name for name, column in zip(names, source.columns.values(), strict=True) if column.required and name not in header
    ]
    if missing:
        raise UnreadableFile(f"lacks the column {', '.join(missing)} in its header: {', '.join(header)[:300]}")
    return [header.index(name) if name in header else -1 for name in names]


def _csv_batches(records: Iterator[list[str]], places: list[int], width: int) -> Iterator[list[Any]]:
    problems: list[str | None] = []
    raws: list[str | None] = []
    columns: list[list[str | None]] = [[] for _ in places]
    for record in records:
        whole = len(record) == width
        problems.append(None if whole else f"has {len(record)} fields instead of {width}")
        raws.append(None if whole else ",".join(record))
        for place, column in zip(places, columns, strict=True):
            column.append(record[place] if whole and place >= 0 else None)
        if len(problems) >= CSV_BATCH_RECORDS:
            yield [pa.array(values, pa.large_string()) for values in (problems, raws, *columns)]
            problems, raws, columns = [], [], [[] for _ in places]
    yield [pa.array(values, pa.large_string()) for values in (problems, raws, *columns)]


def _read_parquet(path: Path, source: Source) -> Iterator[list[Any]]:
    names = [column.from_ or name for name, column in source.columns.items()]
    with pq.ParquetFile(path) as file:
        present = set(file.schema_arrow.names)
        missing = [n for n, column in zip(names, source.columns.values(), strict=True) if column.required and n not in present]
        if missing:
            raise UnreadableFile(f"lacks the column {', '.join(missing)}; it has {', '.join(sorted(present))[:300]}")
        for batch in file.iter_batches(columns=[name for name in names if name in present]):
            nothing = pa.nulls(len(batch), pa.large_string())
            texts = [_as_text(batch.column(name)) if name in present else nothing for name in names]
            yield [nothing, nothing, *texts]


def _as_text(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        values = pc.strftime(values, format="%Y-%m-%dT%H:%M:%S%z" if values.type.tz else "%Y-%m-%dT%H:%M:%S")
    return values.cast(pa.large_string())
