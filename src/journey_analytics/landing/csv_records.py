r"""CSV as records, in the dialect that a feed declares.

Python's own reader takes the records apart. What it cannot be told is put into the text beforehand as characters that
no encoding yields (lone surrogates), and taken out of the fields again: a carriage return that ends no line, a null
such as `\N` whose first sign is the escape, and a line that is too long to be held.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import pyarrow as pa
import pyarrow.compute as pc

from journey_analytics.facts.dialects import Csv
from journey_analytics.facts.feeds import Source
from journey_analytics.landing.named_columns import first_told, missing, places, told
from journey_analytics.landing.packed import MAX_RECORD_BYTES, UnreadableFile, open_packed

BATCH_RECORDS = 20_000
BATCH_CHARACTERS = 16_000_000
FIELD_CHARACTERS = 16_000_000
LINE_CHARACTERS = 4_000_000

_RETURN, _NULL, _TOO_LONG = "\udc0d", "\udc0e", "\udc0f"
_NO_TEXT = re.compile("[\udc80-\udcff]")


class Lines(Protocol):
    """What lines are read from."""

    def readline(self, size: int, /) -> str:
        """The next line, or the next `size` characters of it."""
        ...


Record = list[str]
Values = Sequence[str | None]


def read_csv(path: Path, source: Source) -> Iterator[list[pa.Array]]:
    """(problem, raw, one text per declared column) of the records, many at a time.

    Raises
    ------
    UnreadableFile : the header lacks a required column or names one twice, or records cannot be told apart
    """
    dialect, n_read = source.csv, 0
    try:
        with open_packed(path) as file:
            records = records_of(text_of(file, dialect), dialect)
            standing, width = list(range(len(source.columns))), len(source.columns)
            if dialect.header:
                header = next(records, None)
                if header is None:
                    return
                standing, width = _places(header, source), len(header)
            for batch, longest in _batches(records):
                problems, raws, *texts = _columns(batch, longest, standing, width, dialect)
                yield [problems, raws, *(first_told(texts, source) if dialect.header else texts)]
                n_read += len(batch)
    except csv.Error as error:
        raise UnreadableFile(f"is not CSV of its declared dialect, after record {n_read:,}: {error}") from error


def csv_names(path: Path, source: Source) -> list[str]:
    """The names in a file's header; none where it has no header."""
    if not source.csv.header:
        return []
    try:
        with open_packed(path) as file:
            return next(records_of(text_of(file, source.csv), source.csv), [])
    except csv.Error as error:
        raise UnreadableFile(f"is not CSV of its declared dialect: {error}") from error


def text_of(file: Any, dialect: Csv) -> io.TextIOWrapper:
    """A file's text, its line ends and the bytes that are no text kept as they are."""
    is_utf8 = codecs.lookup(dialect.encoding).name == "utf-8"
    return io.TextIOWrapper(
        io.BufferedReader(cast(Any, file)), encoding="utf-8-sig" if is_utf8 else dialect.encoding,
        errors="surrogateescape", newline="\n" if dialect.line_end == "lf" else "",
    )  # fmt: skip


def records_of(text: Lines, dialect: Csv) -> Iterator[Record]:
    """The records, the header among them; of `text` no more is read than the record at hand needs."""
    csv.field_size_limit(FIELD_CHARACTERS)
    return csv.reader(
        itertools.islice(_lines(text, dialect), dialect.skip, None),
        delimiter=dialect.delimiter, quotechar=dialect.quote, escapechar=dialect.escape, strict=True,
        quoting=csv.QUOTE_MINIMAL if dialect.quote else csv.QUOTE_NONE,
    )  # fmt: skip


def _lines(text: Lines, dialect: Csv) -> Iterator[str]:
    """The lines, with what the reader cannot be told put into them."""
    marked = _nulls_marked(dialect)
    for line in iter(partial(text.readline, LINE_CHARACTERS), ""):
        if len(line) == LINE_CHARACTERS and not line.endswith(("\n", "\r")):
            _pass_over_rest(text)
            line = f"{_TOO_LONG}\n"
        elif "\r" in line and dialect.line_end == "lf":
            body = line.removesuffix("\n").removesuffix("\r")
            line = body.replace("\r", _RETURN) + line[len(body) :]
        yield marked(line)


def _pass_over_rest(text: Lines) -> None:
    for part in iter(partial(text.readline, LINE_CHARACTERS), ""):
        if part.endswith(("\n", "\r")):
            return


def _nulls_marked(dialect: Csv) -> Callable[[str], str]:
    r"""What replaces a null such as `\N`, of which the reader would leave the N, by a mark."""
    escaped = [re.escape(null) for null in dialect.nulls if _is_escaped(null, dialect)]
    if not escaped:
        return lambda line: line
    mark = re.escape(dialect.delimiter)
    pattern = re.compile(rf"(?:^|(?<={mark}))(?:{'|'.join(escaped)})(?={mark}|[\r\n]|$)")
    return lambda line: pattern.sub(_NULL, line)


def _is_escaped(null: str, dialect: Csv) -> bool:
    return dialect.escape is not None and null.startswith(dialect.escape)


def _places(header: Record, source: Source) -> list[int]:
    """Where in a record each place of a column stands; -1 where it does not."""
    problem = _wrong_with(header, len(header), source.csv)
    if problem is not None:
        raise UnreadableFile(f"has a header that {problem}")
    if len(set(header)) != len(header):
        raise UnreadableFile(f"names a column twice in its header: {told(header, source)}")
    if lacking := missing(header, source):
        raise UnreadableFile(f"lacks the column {', '.join(lacking)} in its header: {told(header, source)}")
    return [header.index(place) if place in header else -1 for place in places(source)]


def _batches(records: Iterator[Record]) -> Iterator[tuple[list[Record], int]]:
    """(records, characters of the longest one), many at a time."""
    batch: list[Record] = []
    longest = size = 0
    for record in records:
        length = sum(map(len, record))
        batch.append(record)
        size, longest = size + length, max(longest, length)
        if len(batch) >= BATCH_RECORDS or size >= BATCH_CHARACTERS:
            yield batch, longest
            batch, longest, size = [], 0, 0
    if batch:
        yield batch, longest


def _columns(batch: list[Record], longest: int, standing: list[int], width: int, dialect: Csv) -> list[pa.Array]:
    """The records as columns: at once where all of them are whole and plain, one by one where some are not."""
    if longest <= MAX_RECORD_BYTES and all(len(record) == width for record in batch):
        try:
            nothing = pa.nulls(len(batch), pa.large_string())
            columns = list(zip(*batch, strict=True))
            return [nothing, nothing, *_texts(columns, standing, len(batch), dialect)]
        except UnicodeEncodeError:
            pass  # a stand-in, or bytes that are no text, in some field: told record by record
    problems = [_wrong_with(record, width, dialect) for record in batch]
    judged = list(zip(batch, problems, strict=True))
    raws = [None if problem is None else _shown(record, dialect) for record, problem in judged]
    nothing_read: list[str | None] = [None] * width
    whole = [
        [_restored(text, dialect) for text in record] if problem is None else nothing_read for record, problem in judged
    ]
    told = [pa.array(values, pa.large_string()) for values in (problems, raws)]
    return [*told, *_texts(list(zip(*whole, strict=True)), standing, len(batch), dialect)]


def _texts(columns: Sequence[Values], standing: list[int], count: int, dialect: Csv) -> Iterator[pa.Array]:
    """What stands at the places of the columns, with null where a field says that there is no value."""
    nulls = pa.array([null for null in dialect.nulls if not _is_escaped(null, dialect)], pa.large_string())
    for place in standing:
        if place < 0:
            yield pa.nulls(count, pa.large_string())
            continue
        texts = pa.array(columns[place], pa.large_string())
        yield pc.if_else(pc.is_in(texts, nulls), None, texts) if len(nulls) else texts


def _wrong_with(record: Record, width: int, dialect: Csv) -> str | None:
    if _TOO_LONG in record or sum(map(len, record)) > MAX_RECORD_BYTES:
        return f"is longer than {MAX_RECORD_BYTES:,} characters"
    if len(record) != width:
        return "is an empty line" if not record else f"has {len(record)} fields instead of {width}"
    if any(map(_NO_TEXT.search, record)):
        return f"is not {dialect.encoding} text"
    return None


def _restored(text: str, dialect: Csv) -> str | None:
    """A field without stand-ins."""
    if text == _NULL:
        return None
    return text.replace(_RETURN, "\r").replace(_NULL, dialect.nulls[0] if dialect.nulls else "")


def _shown(record: Record, dialect: Csv) -> str:
    """A record that cannot be used, as text that can be shown."""
    text = dialect.delimiter.join(record)[:MAX_RECORD_BYTES].replace(_RETURN, "\r").replace(_TOO_LONG, "")
    return text.encode("utf-8", "replace").decode()
