"""JSON documents as records: the elements of the list that a feed names, each as the text it was written as.

`records: a.b` names the keys on the way to the list; a list met on the way is gone through element by element. An
element may be nested as deep and a document be as long as it likes; whether an element is sound JSON is for the
contract to say. What a column reads from above its record (`from: ^.created_at`) is put into the record's text under
the key `^`, so that a record is one text, whatever it came from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from journey_analytics.facts.feeds import ABOVE, Source, climbed
from journey_analytics.facts.paths import parsed
from journey_analytics.landing.json_marks import BROKEN, Marks
from journey_analytics.landing.packed import MAX_RECORD_BYTES, UnreadableFile, blocks_of, text_or_problem

# An element that is gone through for the records within it is held whole; a longer one is refused as one record.
MAX_HELD_BYTES = 32_000_000
BATCH_RECORDS = 20_000
BATCH_BYTES = 16_000_000

Blocks = Callable[[], Iterable[bytes]]
Told = tuple[str | None, str]
Members = list[tuple[str, bytes]]

_ABOVE = f'"{ABOVE}":'.encode()


class NotThere(Exception):
    """A document lacks a key on the way to its records."""


@dataclass(frozen=True)
class _Way:
    """The keys on the way to the records, and which members of the object at each place of it columns ask for."""

    keys: tuple[str, ...]
    wanted: Mapping[int, frozenset[str]]


@dataclass
class _Document:
    """One value gone through on the way: `done` keys have led to it, `members` are what was met of what is wanted."""

    marks: Marks
    way: _Way
    done: int
    members: dict[int, Members] = field(default_factory=dict)

    def elements(self) -> Iterator[tuple[int, bytes]]:
        """(keys that have led there, text) of what the way leads to, list by list."""
        return self._value(self.done, 0)

    def _value(self, done: int, level: int) -> Iterator[tuple[int, bytes]]:
        first, is_there = self.marks.first(), done == len(self.way.keys)
        if first == b"[":
            yield from self._list(done, level + 1)
        elif first == b"{" and is_there:
            yield done, self.marks.whole(level + 1)
        elif first == b"{":
            yield from self._object(done, level + 1)
        elif not is_there:
            raise NotThere(self.way.keys[done])

    def _list(self, done: int, level: int) -> Iterator[tuple[int, bytes]]:
        self.marks.step(level)
        mark, passed = self.marks.step(level)
        is_empty = mark == b"]" and not passed.strip()
        while not is_empty:
            yield done, passed.strip()
            if mark == b"]":
                return
            if mark != b",":
                raise UnreadableFile(f"{BROKEN}: an element that does not end")
            mark, passed = self.marks.step(level)

    def _object(self, done: int, level: int) -> Iterator[tuple[int, bytes]]:
        self.marks.step(level)
        wanted, is_there = self.way.wanted.get(done, frozenset()), False
        mark, passed = self.marks.step(level)
        while passed.strip() or mark != b"}":
            key = _key(passed) if mark == b":" else None
            if key is None:
                raise UnreadableFile(f"{BROKEN}: a key without a value")
            on_the_way = key == self.way.keys[done]
            if on_the_way:
                is_there = True
                yield from self._value(done + 1, level)
            mark, passed = self.marks.step(level)
            value = passed.strip()
            if on_the_way and value not in (b"", b"null"):
                yield done + 1, value
            elif key in wanted:
                self.members.setdefault(done, []).append((key, value))
            if mark == b",":
                mark, passed = self.marks.step(level)
            elif mark == b"}":
                break
        if not is_there:
            raise NotThere(self.way.keys[done])


def read_documents(path: Path, source: Source) -> Iterator[list[Told]]:
    """(problem, text) of every record of a file, many at a time.

    Raises
    ------
    UnreadableFile : the file breaks off, is not JSON, or has no list where the feed says it is
    """
    batch: list[Told] = []
    size = 0
    try:
        for told in _records(lambda: blocks_of(path), _way(source), 0, b""):
            batch.append(told)
            size += len(told[1])
            if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    except NotThere as error:
        raise UnreadableFile(f"has no key '{error}', which `records: {source.records}` leads through") from error
    yield batch


def _way(source: Source) -> _Way:
    keys = tuple(source.records.split(".")) if source.records else ()
    wanted: dict[int, frozenset[str]] = {}
    for path in (path for name, column in source.columns.items() for path in column.paths(name)):
        steps, inside = climbed(path)
        if steps:
            place = len(keys) - steps
            wanted[place] = wanted.get(place, frozenset()) | {str(parsed(inside).steps[0])}
    return _Way(keys, wanted)


def _records(blocks: Blocks, way: _Way, done: int, above: bytes) -> Iterator[Told]:
    """Every record below what `done` keys have led to; `above` is the object around it, with what is wanted of it.

    A member may stand behind the list, so a document whose members are wanted is gone through for them first.
    """
    passed_over = enumerate(_passed_over(blocks, way, done))
    for number, document in enumerate(_documents(blocks, way, done, MAX_HELD_BYTES)):
        around: dict[int, bytes] = {}
        for place, text in document.elements():
            if place not in around:
                members = {}
                if any(each in way.wanted for each in range(done, place)):
                    members = next(members for earlier, members in passed_over if earlier == number)
                around[place] = _wrapped(above, way, range(done, place), members)
            yield from _of_element(text, way, place, around[place])


def _of_element(text: bytes, way: _Way, done: int, above: bytes) -> Iterator[Told]:
    """The record that an element is, or those within it; one that cannot be gone through is a record with a problem."""
    if not text:
        yield "is nothing between two commas", ""
    elif done == len(way.keys):
        yield text_or_problem(_with_above(text, above))
    elif len(text) > MAX_HELD_BYTES:
        yield text_or_problem(text, MAX_HELD_BYTES)
    elif not text.startswith((b"{", b"[")):
        yield f"is not an object, so it has no `{way.keys[done]}`", text_or_problem(text)[1]
    else:
        try:
            yield from list(_records(lambda: [text], way, done, above))
        except NotThere:
            return
        except UnreadableFile:
            yield "is not JSON", text_or_problem(text)[1]


def _documents(blocks: Blocks, way: _Way, done: int, longest: int) -> Iterator[_Document]:
    marks = Marks(blocks(), longest)
    while first := marks.first():
        if first not in b"{[":
            raise UnreadableFile(f"{BROKEN}: there is text outside of any object or list")
        yield _Document(marks, way, done)


def _passed_over(blocks: Blocks, way: _Way, done: int) -> Iterator[dict[int, Members]]:
    for document in _documents(blocks, way, done, MAX_RECORD_BYTES):
        for _ in document.elements():
            pass
        yield document.members


def _wrapped(above: bytes, way: _Way, places: Iterable[int], members: Mapping[int, Members]) -> bytes:
    """The objects gone through, each within the one below it under the key `^`; empty while nothing is wanted."""
    for place in places:
        if above or place in way.wanted:
            told = [_ABOVE + above] if above else []
            told += [json.dumps(key).encode() + b":" + value for key, value in members.get(place, [])]
            above = b"{" + b",".join(told) + b"}"
    return above


def _with_above(text: bytes, above: bytes) -> bytes:
    if not above or not text.startswith(b"{"):
        return text
    rest = text[1:].lstrip()
    return b"{" + _ABOVE + above + (b"" if rest.startswith(b"}") else b",") + rest


def _key(text: bytes) -> str | None:
    try:
        key = json.loads(text.decode("utf-8", "replace"), strict=False)
    except ValueError:
        return None
    return key if isinstance(key, str) else None
