"""Lines of JSON as records: what stands between line feeds, many at a time, without looking into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from journey_analytics.landing.packed import BYTE_ORDER_MARK, MAX_RECORD_BYTES, open_packed, text_or_problem

CHUNK_BYTES = 16_000_000


def read_lines(path: Path) -> Iterator[list[pa.Array]]:
    """(problem, raw) of the lines; a raw line keeps its line end, which JSON does not mind."""
    is_first = True
    for block in _line_blocks(path):
        if is_first:
            block, is_first = block.removeprefix(BYTE_ORDER_MARK), False
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


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
