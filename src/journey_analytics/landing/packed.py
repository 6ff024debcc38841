"""Files as bytes, plain or packed: what a suffix says is how it is opened; nothing is guessed from the content."""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

BLOCK_BYTES = 4_000_000
MAX_RECORD_BYTES = 1_000_000
SHOWN_CHARACTERS = 2_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class UnreadableFile(Exception):
    """The file itself is broken (cut archive, wrong format); the message says how."""


def open_packed(path: Path) -> IO[bytes]:
    """A file's bytes as they were before it was packed with gzip (.gz), bzip2 (.bz2) or Zstandard (.zst)."""
    suffix = path.suffix.lower()
    if suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if suffix == ".bz2":
        return cast(IO[bytes], bz2.open(path, "rb"))
    if suffix == ".zst":
        return cast(IO[bytes], pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    return path.open("rb")


def is_packed(path: Path) -> bool:
    """Whether a file's suffix says that it is packed."""
    return path.suffix.lower() in (".gz", ".bz2", ".zst")


def blocks_of(path: Path) -> Iterator[bytes]:
    """A file's bytes, many at a time, without a byte order mark."""
    with open_packed(path) as file:
        block = file.read(BLOCK_BYTES)
        while len(block) < len(BYTE_ORDER_MARK) and (more := file.read(BLOCK_BYTES)):
            block += more
        block = block.removeprefix(BYTE_ORDER_MARK)
        while block:
            yield block
            block = file.read(BLOCK_BYTES)


def text_or_problem(record: bytes, longest: int = MAX_RECORD_BYTES) -> tuple[str | None, str]:
    """(problem, text) of one record: too long, not UTF-8, or nothing wrong with it so far."""
    if len(record) > longest:
        return f"is longer than {longest:,} bytes", record[:SHOWN_CHARACTERS].decode("utf-8", "replace")
    try:
        return None, record.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not UTF-8 text (byte {error.start + 1})", record.decode("utf-8", "replace")
