"""A funnel as one readable SELECT: exact for every switch, in SQL that other engines read too.

`attempts` gives one row for each one counted, `steps` the rows of the answer before its intervals.
"""

from __future__ import annotations

from sqlglot import exp

from journey_analytics.facts.expressions import DIALECT
from journey_analytics.funnels import anyorder, chains, summary
from journey_analytics.funnels import attempts as finished
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.chains import Part
from journey_analytics.funnels.marks import Question


def parts(question: Question) -> list[Part]:
    """The named parts up to `attempts`."""
    if question.funnel.order == "any":
        return anyorder.parts(question)
    lines = "pieces" if question.funnel.count == "attempts" else "lined_up"
    return [*chains.parts(question), *finished.parts(question, lines)]


def attempts(question: Question, *, dialect: str = DIALECT) -> str:
    """The SELECT of one row for each one counted: who, how far, whether still open, and the time of every step."""
    return written(sql.chained(parts(question), sql.query([sql.STAR], "attempts")), dialect)


def steps(question: Question, *, segments: str | None = None, kept: str | None = None, dialect: str = DIALECT) -> str:
    """The SELECT of one row per group and step: counts, times and revenue, before shares and intervals.

    Parameters
    ----------
    segments : a relation (the carried column, segment) by which the funnel is told apart besides
    kept : a table that holds the attempts already
    """
    whole = [*_attempts(question, kept), *summary.parts(question, segments=segments)]
    order = [exp.Ordered(this=sql.column(name), nulls_first=True) for name in (*summary.GROUP, "step_number")]
    return written(sql.chained(whole, sql.query([sql.STAR], "answer").order_by(*order)), dialect)


def grouped(question: Question, kept: str, *, segments: str | None = None) -> str:
    """The SELECT of the kept attempts, each once for everyone and once for every group and segment it is in."""
    whole = [*_attempts(question, kept), *summary.groups(question, segments=segments)]
    return written(sql.chained(whole, sql.query([sql.STAR], "grouped")))


def _attempts(question: Question, kept: str | None) -> list[Part]:
    return [("attempts", sql.query([sql.STAR], kept))] if kept else parts(question)


def written(tree: exp.Expr, dialect: str = DIALECT) -> str:
    """A statement as text, laid out to be read."""
    return str(tree.sql(dialect=dialect, pretty=True))
