"""Who answers a question: the seam between a funnel and the ways of counting it.

An engine is asked for the rows of one question. It may decline, with a reason a person can read; it may never answer
differently from the others. The compiled SELECT declines nothing and is what every other engine is held against.
"""

from __future__ import annotations

from typing import Any, Protocol

from journey_analytics.funnels import compiler
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse

Row = dict[str, Any]

COUNTED = ("segment", "breakdown_value", "step_number", "step", "n", "n_first", "n_previous", "n_open")
"""What every engine's rows hold, one per group and step, ordered by them; breakdown_value None is everyone.

Besides: median_, mean_ and p90_seconds_from_previous and _from_first (None where nobody made the step), revenue_minor,
and for counts other than customers the sums of `summary.CLUSTERS`. A group that nobody entered has no rows.
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
        """Run the compiled SELECT."""
        return warehouse.rows(compiler.steps(question, segments=segments))
