"""What is read of files, gathered into chunks worth a statement; the next is read while one is being loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from journey_analytics.facts.feeds import Source
from journey_analytics.landing.deliveries import File
from journey_analytics.landing.packed import UnreadableFile
from journey_analytics.landing.readers import GROUP_ROWS, is_of, read_file

CHUNK_ROWS = 4 * GROUP_ROWS
CHUNK_BYTES = 260_000_000


def is_worth_a_statement(batches: Sequence[Any]) -> bool:
    """Whether record batches are many or large enough to be loaded at once."""
    return sum(map(len, batches)) >= CHUNK_ROWS or sum(batch.nbytes for batch in batches) >= CHUNK_BYTES


def chunks_of(files: Sequence[File], source: Source) -> Iterator[list[Any]]:
    """Record batches of many files, gathered until a chunk is worth a statement; nothing of a file that breaks off."""
    batches: list[Any] = []
    rows = size = 0
    for index, file in [(index, file) for index, file in enumerate(files) if file.is_good]:
        own: list[Any] = []
        try:
            for batch in read_file(file.path, source, index):
                file.n_read += len(batch)
                own.append(batch)
                rows, size = rows + len(batch), size + batch.nbytes
                if rows >= CHUNK_ROWS or size >= CHUNK_BYTES:
                    chunk, rest = _whole_groups([*batches, *own])
                    file.is_split = file.is_split or is_of(chunk[-1], index)
                    yield chunk
                    rows, size = sum(map(len, rest)), sum(batch.nbytes for batch in rest)
                    batches = [batch for batch in rest if not is_of(batch, index)]
                    own = [batch for batch in rest if is_of(batch, index)]
            file.refuse_if_changed()
        except UnreadableFile as error:
            file.refuse(str(error))
        if file.is_good:
            batches += own
    yield batches


def _whole_groups(batches: list[Any]) -> tuple[list[Any], list[Any]]:
    """As many rows as fill groups of the database, and the rest; a group less than full would be written twice."""
    rows = sum(map(len, batches))
    room = rows - rows % GROUP_ROWS or rows
    taken, rest = [], []
    for batch in batches:
        here = min(room, len(batch))
        room -= here
        taken.append(batch.slice(0, here))
        rest.append(batch.slice(here))
    return [batch for batch in taken if len(batch)], [batch for batch in rest if len(batch)]


def one_ahead(chunks: Iterator[list[Any]]) -> Iterator[list[Any]]:
    """The same chunks, each one read while the one before it is being loaded."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, chunks, None)
        while (chunk := coming.result()) is not None:
            coming = reader.submit(next, chunks, None)
            yield chunk
