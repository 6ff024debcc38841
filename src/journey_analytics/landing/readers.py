"""Files as record batches: every record numbered, nothing guessed, nothing lost.

One record is one line of JSON, one element of a JSON document, one CSV record or one Parquet row. A record that cannot
be read whole is handed on with its problem instead of its fields, so that whoever counts can account for it. A file
that breaks off raises `UnreadableFile`.
"""

from __future__ import annotations

import hashlib
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from journey_analytics.facts.feeds import Source
from journey_analytics.landing.csv_records import csv_names, read_csv
from journey_analytics.landing.json_documents import read_documents
from journey_analytics.landing.lines import read_lines
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.parquet_rows import parquet_names, read_parquet

GROUP_ROWS = 122_880  # how many rows DuckDB stores together
FILE_SHIFT = 40  # room for a trillion rows of a file

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
    schema, first = schema_of(source), 1
    with _broken_is_unreadable():
        for columns in _READERS[source.format](path, source):
            count = len(columns[0])
            if count:
                numbers = [np.full(count, file_index, np.int32), np.arange(first, first + count, dtype=np.int64)]
                yield pa.record_batch([*map(pa.array, numbers), *columns], schema=schema)
                first += count


def names_in(path: Path, source: Source) -> list[str]:
    """The names of a file's columns, in its order: a CSV header's, a Parquet file's; none in any other format.

    Raises
    ------
    UnreadableFile : the file is not of its format
    """
    with _broken_is_unreadable():
        if source.format == "csv":
            return csv_names(path, source)
        return parquet_names(path) if source.format == "parquet" else []


def table_of(batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """The batches as one Arrow table, put together by as many rows as the database stores together.

    What several threads read of it they then also write as whole groups, which nobody has to put together later.
    """
    whole = pa.Table.from_batches(list(batches), schema=schema).combine_chunks()
    return pa.Table.from_batches(whole.to_batches(max_chunksize=GROUP_ROWS), schema=schema)


def is_of(batch: pa.RecordBatch, file_index: int) -> bool:
    """Whether a batch of `read_file` holds records of this file; a batch holds those of one."""
    return bool(batch.column("file_index")[0].as_py() == file_index)


def rest_of(table: pa.Table, landed: Mapping[str, np.ndarray]) -> list[pa.RecordBatch]:
    """The rows of a table of batches but those whose `file_index` and `row_number` are among `landed`."""
    places, gone = (
        np.asarray(rows["file_index"], np.int64) << FILE_SHIFT | np.asarray(rows["row_number"], np.int64)
        for rows in (table, landed)
    )
    kept = np.ones(len(places), bool)
    kept[np.searchsorted(places, gone)] = False
    return list(table.filter(pa.array(kept)).to_batches())


@contextmanager
def _broken_is_unreadable() -> Iterator[None]:
    """What libraries raise for a broken file, as one error that says how; never with a path of this machine."""
    try:
        yield
    except (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, UnicodeError) as error:
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        text = text.splitlines()[0] if text else type(error).__name__
        raise UnreadableFile(f"breaks off or is not of its declared format: {text}") from error


def _read_json(path: Path, source: Source) -> Iterator[list[pa.Array]]:
    for told in read_documents(path, source):
        yield [pa.array([record[place] for record in told], pa.large_string()) for place in (0, 1)]


_READERS: Mapping[str, Callable[[Path, Source], Iterator[list[pa.Array]]]] = {
    "jsonl": lambda path, _: read_lines(path), "json": _read_json, "csv": read_csv, "parquet": read_parquet,
}  # fmt: skip
