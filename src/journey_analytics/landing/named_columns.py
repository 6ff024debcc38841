"""Where a feed's columns stand in a file that names its own: in the first of their places that holds a text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from journey_analytics.facts.feeds import Source


def places(source: Source) -> list[str]:
    """Every place that a column may come from, column by column."""
    return [path for name, column in source.columns.items() for path in column.paths(name)]


def missing(present: Collection[str], source: Source) -> list[str]:
    """The required columns for which the file has no place."""
    return [
        " or ".join(column.paths(name))
        for name, column in source.columns.items()
        if column.required and not set(column.paths(name)) & set(present)
    ]


def told(present: Sequence[str], source: Source) -> str:
    """A file's names as they may be shown: a file without a header shows its first record where names should be."""
    known = [name for name in present if name in places(source)]
    others = len(present) - len(known)
    return ", ".join([*known, *([f"{others} that the feed does not list"] if others else [])])[:300] or "none"


def first_told(texts: Sequence[pa.Array], source: Source) -> Iterator[pa.Array]:
    """One array a column, from one array a place: where a column has several, the first text that is not empty."""
    remaining = iter(texts)
    for name, column in source.columns.items():
        told = [next(remaining) for _ in column.paths(name)]
        yield told[0] if len(told) == 1 else pc.coalesce(*(pc.if_else(pc.equal(text, ""), None, text) for text in told))
