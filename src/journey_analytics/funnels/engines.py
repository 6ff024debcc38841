"""Who answers a question: the seam between a funnel and the ways of counting it.

An engine is asked for the rows of one question. It may decline, with a reason a person can read; it may never answer
differently from the others. The compiled SELECT declines nothing and is what every other engine is held against.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from journey_analytics.funnels import compiler, waiting
from journey_analytics.funnels.kept import Kept, as_of, attempts_of
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse

Row = dict[str, Any]

COUNTED = ("segment", "breakdown_value", "step_number", "step", "n", "n_first", "n_previous", "n_open")
"""What every engine's rows hold, one per group and step, ordered by them; breakdown_value None is everyone.

Besides: median_, mean_ and p90_seconds_from_previous and _from_first (None where nobody made the step), revenue_minor,
`waiting.KM`, and for counts other than customers the sums of `summary.CLUSTERS`. A group that nobody entered has no
rows.
"""


class Declined(Exception):
    """What an engine says when it finds out on the way that it cannot answer exactly; the message is the reason."""


class Engine(Protocol):
    """One way of counting."""

    name: str

    def declines(self, question: Question, warehouse: Warehouse) -> str | None:
        """Why this engine cannot answer the question exactly; None where it can."""

    def steps(self, question: Question, warehouse: Warehouse, *, segments: str | None = None) -> list[Row]:
        """The rows of the answer before shares and intervals.

        Raises
        ------
        Declined : only counting showed that it cannot answer
        """


class Ansi:
    """The compiled SELECT: every switch, any engine that reads SQL."""

    name = "ANSI SQL"

    def declines(self, question: Question, warehouse: Warehouse) -> str | None:
        """Nothing is declined."""
        return None

    def steps(self, question: Question, warehouse: Warehouse, *, segments: str | None = None) -> list[Row]:
        """Run the compiled SELECT: its attempts first, since those that are open are asked for by themselves."""
        with attempts_of(question, warehouse) as kept:
            rows = warehouse.rows(compiler.steps(question, segments=segments, kept=kept.table))
            return _with_waiting(rows, kept, segments)


def _with_waiting(rows: list[Row], kept: Kept, segments: str | None) -> list[Row]:
    """The rows with `waiting.KM`: looked at attempt by attempt where any is open."""
    funnel = kept.question.funnel
    if not rows or not kept.warehouse.scalar(f"select bool_or(is_open) from {kept.table}"):
        plain = [{waiting.KM[0]: row["n"] / row["n_first"], waiting.KM[1]: None} for row in rows]
        return [{**row, **km} for row, km in zip(rows, plain, strict=True)]
    times = [
        f"case when at_{place} is null then -1 else greatest(epoch_us(at_{place}) - epoch_us(at_1), 0) end "
        f"as since_{place}"
        for place in range(1, len(funnel.steps) + 1)
    ]
    now = as_of(kept.question) if funnel.as_of else "cast(null as timestamp)"
    found = kept.warehouse.arrays(f"""
        select dense_rank() over (order by segment, breakdown_value nulls first) - 1 as place,
            dense_rank() over (order by customer_id) - 1 as whose, furthest, is_open,
            coalesce(epoch_us({now}) - epoch_us(open_since_at), 0) as open_for, {", ".join(times)}
        from ({compiler.grouped(kept.question, kept.table, segments=segments)}) order by place""")
    ends = np.searchsorted(found["place"], np.arange(found["place"][-1] + 2))
    shares: list[dict[str, float | None]] = []
    for begin, end in pairwise(ends):
        mine = {name: values[begin:end] for name, values in found.items()}
        since = tuple(mine[f"since_{place}"] for place in range(1, len(funnel.steps) + 1))
        whose = None if funnel.count == "customers" else np.unique(mine["whose"], return_inverse=True)[1]
        watched = waiting.Watched(mine["furthest"], mine["is_open"], mine["open_for"], since, whose)
        shares += waiting.shares(funnel, watched)
    return [{**row, **km} for row, km in zip(rows, shares, strict=True)]
