"""Lines of JSON as records: what stands between line feeds, many at a time, without looking into it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pyarrow as pa

from journey_analytics.landing.packed import BYTE_ORDER_MARK, MAX_RECORD_BYTES, open_packed, text_or_problem

CHUNK_BYTES = 16_000_000
LINE_FEED = ord("\n")


def read_lines(path: Path) -> Iterator[list[pa.Array]]:
    """(problem, raw) of the lines; a raw line keeps its line end, which JSON does not mind."""
    is_first = True
    for block, ends in _line_blocks(path):
        starts = np.concatenate(([0], ends))
        if is_first:
            is_first = False
            starts[0] = len(BYTE_ORDER_MARK) if block[:3].tobytes() == BYTE_ORDER_MARK else 0
            if starts[0] == len(block):
                continue
        lines = pa.LargeStringArray.from_buffers(len(ends), pa.py_buffer(starts), pa.py_buffer(block))
        if np.diff(starts).max() <= MAX_RECORD_BYTES and _is_utf8(lines):
            yield [pa.nulls(len(lines), pa.large_string()), lines]
        else:
            told = [text_or_problem(block[i:j].tobytes()) for i, j in itertools.pairwise(starts)]
            yield [pa.array([line[place] for line in told], pa.large_string()) for place in (0, 1)]


def _line_blocks(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(bytes, where each line ends) of whole lines with their ends, many at a time; the last line may lack its end.

    Of a line that is far too long only the beginning is kept, so that memory stays bounded.
    """
    with open_packed(path) as file:
        rest = np.empty(0, np.uint8)
        while len(block := _filled(file, rest)) > len(rest):
            ends = np.flatnonzero(block == LINE_FEED) + 1
            if len(ends):
                yield block[: ends[-1]], ends
                rest = block[ends[-1] :]
            else:
                rest = block[: MAX_RECORD_BYTES + 1]
        if len(rest):
            yield rest, np.array([len(rest)])


def _filled(file: IO[bytes], begun: np.ndarray) -> np.ndarray:
    """What was begun, and the next bytes of a file: as many as are worth a block, or what is left of it."""
    block = np.empty(len(begun) + CHUNK_BYTES, np.uint8)
    block[: len(begun)] = begun
    size, room = len(begun), memoryview(cast(Any, block))
    while size < len(block) and (more := cast(Any, file).readinto(room[size:])):
        size += more
    return block[:size]


def _is_utf8(lines: pa.LargeStringArray) -> bool:
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True
