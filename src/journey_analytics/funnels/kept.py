"""The attempts of a question, kept as a temporary table for as long as several things are asked of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from journey_analytics.funnels import compiler
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.compiler import written
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse

TABLE = "funnel_attempts"


@dataclass(frozen=True)
class Kept:
    """One row for each one counted, as `compiler.attempts` gives them, in a table while the block lasts."""

    question: Question
    warehouse: Warehouse
    table: str = TABLE

    def arrays(self, where: str = "true", **columns: str) -> dict[str, Any]:
        """Columns of the attempts as arrays, each an expression that is never NULL.

        Besides `whose`, the customers as numbers from 0, where one may be counted more than once; else None.
        """
        is_clustered = self.question.funnel.count != "customers"
        chosen = [f"{value} as {name}" for name, value in columns.items()]
        chosen += ["dense_rank() over (order by customer_id) - 1 as whose"] if is_clustered else []
        found = self.warehouse.arrays(f"select {', '.join(chosen)} from {self.table} where {where}")
        return found if is_clustered else {**found, "whose": None}


@contextmanager
def attempts_of(question: Question, warehouse: Warehouse) -> Iterator[Kept]:
    """The attempts of a question as a temporary table; it is gone when the block ends."""
    warehouse.execute(f"create or replace temp table {TABLE} as {compiler.attempts(question)}")
    try:
        yield Kept(question, warehouse)
    finally:
        warehouse.execute(f"drop table {TABLE}")


def as_of(question: Question) -> str:
    """The moment up to which data is known, as SQL."""
    assert question.funnel.as_of is not None
    return written(sql.moment(question.funnel.as_of))
