"""A stream of JSON gone through from mark to mark: brackets, commas and colons that do not stand inside a text.

Nothing is built from what stands between the marks, so depth and length cost no more than their bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from journey_analytics.landing.packed import UnreadableFile

_MARKS = np.zeros(256, bool)
_MARKS[list(b"{}[],:")] = True
_DEEPER = np.zeros(256, np.int8)
_DEEPER[list(b"{[")], _DEEPER[list(b"}]")] = 1, -1
_NO_SPACE = re.compile(rb"[^ \t\r\n]")
_WINDOW = 4096

BROKEN = "is not of its declared format, or breaks off"


class Marks:
    """A cursor on a stream of JSON.

    A mark's level is how many brackets it stands in; an opening and a closing bracket stand inside themselves. Of a
    text between two marks that is longer than `longest` bytes, only the beginning is kept.
    """

    def __init__(self, blocks: Iterable[bytes], longest: int) -> None:
        self._blocks, self._longest = iter(blocks), longest
        self._block, self._place = b"", 0
        self._depth, self._in_text, self._is_escaped = 0, 0, False
        self._positions = self._levels = np.zeros(0, np.int64)
        self._level, self._window, self._ahead = -1, 0, iter(list[int]())

    def step(self, level: int) -> tuple[bytes, bytes]:
        """Move behind the next mark that is not deeper than `level`. Returns it, and the bytes passed on the way.

        Raises
        ------
        UnreadableFile : there is no such mark any more
        """
        passed: list[bytes] = []
        room = self._longest + 1
        while True:
            stop = self._next_stop(level)
            end = len(self._block) if stop is None else stop
            if room > 0:
                passed.append(self._block[self._place : min(end, self._place + room)])
                room -= len(passed[-1])
            if stop is not None:
                self._place = stop + 1
                return self._block[stop : stop + 1], passed[0] if len(passed) == 1 else b"".join(passed)
            if not self._next_block():
                raise UnreadableFile(f"{BROKEN}: a bracket is never closed")

    def first(self) -> bytes:
        """The next byte that is no space, left where it stands; empty at the end of the stream."""
        while True:
            if (found := _NO_SPACE.search(self._block, self._place)) is not None:
                self._place = found.start()
                return found[0]
            if not self._next_block():
                return b""

    def whole(self, level: int) -> bytes:
        """The brackets that open next and what stands in them; the inside is of `level`."""
        mark, _ = self.step(level)
        parts, size = [mark], 1
        while mark not in b"}]":
            mark, passed = self.step(level)
            if size <= self._longest:
                parts += [passed, mark]
                size += len(passed) + 1
        return b"".join(parts)

    def _next_stop(self, level: int) -> int | None:
        """Where in this block the next mark not deeper than `level` stands."""
        if level != self._level:
            self._level, self._ahead = level, iter(())
            self._window = int(np.searchsorted(self._positions, self._place))
        for stop in self._ahead:
            return stop
        while self._window < len(self._positions):
            window = slice(self._window, self._window + _WINDOW)
            self._window += _WINDOW
            self._ahead = iter(self._positions[window][self._levels[window] <= level].tolist())
            for stop in self._ahead:
                return stop
        return None

    def _next_block(self) -> bool:
        block = next(self._blocks, None)
        self._level, self._place = -1, 0
        if block is None:
            if self._depth or self._in_text:
                raise UnreadableFile(f"{BROKEN}: a bracket or a text is never closed")
            self._block, self._positions = b"", self._positions[:0]
            return False
        self._block = block
        seen = np.frombuffer(self._without_escapes(block), np.uint8)
        in_text = np.bitwise_xor.accumulate((seen == ord('"')).view(np.uint8)) ^ np.uint8(self._in_text)
        self._in_text = int(in_text[-1])
        self._positions = np.flatnonzero(_MARKS[seen] & (in_text == 0))
        deeper = _DEEPER[seen[self._positions]]
        depths = np.cumsum(deeper, dtype=np.int64) + self._depth
        self._levels = depths + (deeper < 0)
        if len(depths):
            self._depth = int(depths[-1])
            if self._levels.min() < 1:
                raise UnreadableFile(f"{BROKEN}: a bracket is closed that was never opened")
        return True

    def _without_escapes(self, block: bytes) -> bytes:
        """The block with escaped quotation marks blanked, so that each one left begins or ends a text."""
        if self._is_escaped:
            block = b" " + block[1:]
        if b"\\" in block:
            block = block.replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
        self._is_escaped = block.endswith(b"\\")
        return block
