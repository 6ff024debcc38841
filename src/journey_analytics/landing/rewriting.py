"""A delivered file without some of its records: rewritten whole beside itself, then put in its place.

Records are numbered as `readers` numbers them, and those that stay keep their bytes. This is a module of its own
because it is the only one that writes to the landing folder.
"""

from __future__ import annotations

import bz2
import gzip
import io
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from journey_analytics.facts.feeds import Source
from journey_analytics.landing.csv_records import records_of, text_of
from journey_analytics.landing.packed import is_packed, open_packed

PARQUET_ROWS = 50_000


def can_be_rewritten(path: Path, source: Source) -> bool:
    """Whether records can be taken out of a file: a JSON document is one whole, and Parquet is not packed again."""
    return source.format in ("jsonl", "csv") or (source.format == "parquet" and not is_packed(path))


def rewrite_without(path: Path, source: Source, records: Collection[int]) -> None:
    """Take records out of a file of a feed; it is replaced whole, or not at all.

    Parameters
    ----------
    records : the numbers of the records that go, counted from 1 as `readers.read_file` counts them
    """
    write = {"jsonl": _write_lines, "csv": _write_csv, "parquet": _write_parquet}[source.format]
    beside = path.with_name(f".{path.name}.tmp")
    try:
        write(path, beside, source, set(records))
        shutil.copymode(path, beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _packed(path: Path, packing: str) -> Iterator[IO[bytes]]:
    """A file to write, packed as the suffix of the delivered file says."""
    if packing == ".zst":
        with pa.OSFile(str(path), "wb") as raw, pa.CompressedOutputStream(raw, "zstd") as file:
            yield cast(IO[bytes], file)
        return
    opener: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(packing, Path.open)
    with opener(path, "wb") as file:
        yield cast(IO[bytes], file)


def _write_lines(path: Path, beside: Path, source: Source, gone: set[int]) -> None:
    with open_packed(path) as read, _packed(beside, path.suffix.lower()) as write:
        for number, line in enumerate(io.BufferedReader(cast(Any, read)), start=1):
            if number not in gone:
                write.write(line)


class _Noted:
    """Lines of a text, each noted as it is taken."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.taken: list[str] = []

    def readline(self, size: int, /) -> str:
        """The next line, noted."""
        line = self._text.readline(size)
        self.taken.append(line)
        return line


def _write_csv(path: Path, beside: Path, source: Source, gone: set[int]) -> None:
    dialect = source.csv
    first = 0 if dialect.header else 1
    with open_packed(path) as read, _packed(beside, path.suffix.lower()) as write:
        lines = _Noted(text_of(read, dialect))
        kept = io.TextIOWrapper(
            io.BufferedWriter(cast(Any, write)), encoding=dialect.encoding, errors="surrogateescape", newline=""
        )
        for number, _ in enumerate(records_of(lines, dialect), start=first):
            stays = number == 0 or number not in gone
            before = dialect.skip if number == first else 0
            kept.writelines(lines.taken if stays else lines.taken[:before])
            lines.taken.clear()
        kept.flush()


def _write_parquet(path: Path, beside: Path, source: Source, gone: set[int]) -> None:
    first = 1
    with pq.ParquetFile(path) as read, pq.ParquetWriter(beside, read.schema_arrow) as write:
        for batch in read.iter_batches(batch_size=PARQUET_ROWS):
            stays = pa.array([number not in gone for number in range(first, first + len(batch))], pa.bool_())
            write.write_batch(batch.filter(stays))
            first += len(batch)
