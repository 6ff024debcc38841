"""Small pieces of SQL as syntax trees: the words that the compiler builds its statement from.

Names and values of a definition enter as nodes of their own, never as text that is parsed.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence

from sqlglot import exp

from journey_analytics.facts.funnelparts import UNITS

Tree = exp.Expr
NEVER = 9_223_372_036_854_775_807
"""A position after every event: where nothing limits the way."""

Frame = tuple[int | str | Tree, str | None, int | str | Tree, str | None]
ALL = ("UNBOUNDED", "PRECEDING", "UNBOUNDED", "FOLLOWING")
SO_FAR = ("UNBOUNDED", "PRECEDING", "CURRENT ROW", None)
BEFORE = ("UNBOUNDED", "PRECEDING", 1, "PRECEDING")
AFTER = (1, "FOLLOWING", "UNBOUNDED", "FOLLOWING")


def column(name: str, table: str | None = None) -> exp.Column:
    """A column, quoted where its name is no plain word."""
    return exp.column(exp.to_identifier(name), table=exp.to_identifier(table) if table else None)


def columns(names: Iterable[str], table: str | None = None) -> list[Tree]:
    """Several columns."""
    return [column(name, table) for name in names]


def text(value: str) -> Tree:
    """A text value."""
    return exp.Literal.string(value)


def number(value: int | float) -> Tree:
    """A number."""
    return exp.Literal.number(value)


def moment(value: datetime.datetime) -> Tree:
    """A UTC timestamp."""
    return exp.cast(text(value.isoformat(sep=" ")), "timestamp")


def duration(seconds: float) -> Tree:
    """An interval in the largest unit that holds it whole; exact to the microsecond."""
    micros = round(seconds * 1_000_000)
    for unit, size in (("DAY", 86_400_000_000), ("HOUR", 3_600_000_000), ("MINUTE", 60_000_000), ("SECOND", 1_000_000)):
        if micros % size == 0:
            return exp.Interval(this=text(str(micros // size)), unit=exp.var(unit))
    return exp.Interval(this=text(str(micros)), unit=exp.var("MICROSECOND"))


def both(*conditions: Tree | None) -> Tree:
    """All of the conditions; those that are None ask nothing."""
    asked = [condition for condition in conditions if condition is not None]
    return exp.and_(*asked, wrap=True, copy=False) if asked else exp.true()


def either(*conditions: Tree) -> Tree:
    """Any of the conditions."""
    return exp.or_(*conditions, wrap=True, copy=False) if conditions else exp.false()


def known(value: Tree) -> Tree:
    """`value IS NOT NULL`."""
    return exp.Not(this=exp.Is(this=value, expression=exp.null()))


def unknown(value: Tree) -> Tree:
    """`value IS NULL`."""
    return exp.Is(this=value, expression=exp.null())


def negated(condition: Tree) -> Tree:
    """`NOT condition`."""
    return exp.Not(this=condition)


def latest(name: str) -> Tree:
    """The largest value of a column."""
    return named(exp.Max(this=column(name)), name)


def counted(condition: Tree) -> Tree:
    """How many rows meet a condition."""
    return exp.Count(this=when(condition, number(1)))


def when(condition: Tree, value: Tree, otherwise: Tree | None = None) -> exp.Case:
    """`CASE WHEN condition THEN value [ELSE otherwise] END`."""
    case = exp.Case().when(condition, value)
    return case.else_(otherwise) if otherwise is not None else case


def equal(names: Iterable[str], left: str, right: str) -> Tree:
    """The named columns of two relations hold the same values."""
    return both(*(column(name, left).eq(column(name, right)) for name in names))


def least(values: Sequence[Tree]) -> Tree:
    """The smallest of values that are never NULL."""
    return values[0] if len(values) == 1 else exp.Anonymous(this="LEAST", expressions=list(values))


def greatest(values: Sequence[Tree]) -> Tree:
    """The largest of values that are never NULL."""
    return exp.Anonymous(this="GREATEST", expressions=list(values))


def rounded(at: Tree, seconds: float) -> Tree:
    """A timestamp to the nearest whole second, minute or hour; half a unit goes up."""
    return exp.TimestampTrunc(this=at + duration(seconds / 2), unit=exp.var(UNITS[seconds].upper()))


def over(
    function: Tree, partition: Sequence[str], order: Sequence[Tree | str] = (),
    frame: Frame | None = None, *, kind: str = "ROWS",
) -> exp.Window:  # fmt: skip
    """A window function over a partition, in an order, within a frame."""
    ordered = [exp.Ordered(this=column(each) if isinstance(each, str) else each, nulls_first=False) for each in order]
    spec = None
    if frame is not None:
        start, start_side, end, end_side = frame
        spec = exp.WindowSpec(kind=kind, start=_bound(start), start_side=start_side, end=_bound(end), end_side=end_side)
    return exp.Window(
        this=function, partition_by=columns(partition), spec=spec,
        order=exp.Order(expressions=ordered) if ordered else None,
    )  # fmt: skip


def _bound(value: int | str | Tree) -> str | Tree:
    return number(value) if isinstance(value, int) else value


def named(value: Tree, name: str) -> Tree:
    """`value AS name`."""
    return exp.alias_(value, exp.to_identifier(name))


def query(selected: Sequence[Tree], source: str | Tree, *, said: str = "") -> exp.Select:
    """`SELECT … FROM source`, with a remark that says what its rows are."""
    built = exp.select(*selected).from_(table(source) if isinstance(source, str) else source)
    if said:
        built.add_comments([f" {said} "])
    return built


def table(name: str, alias: str = "") -> Tree:
    """A relation by its name, such as journeys.events, called otherwise where an alias is given."""
    found = exp.to_table(name)
    return exp.alias_(found, exp.to_identifier(alias), table=True) if alias else found


def inner(select: exp.Select, name: str) -> Tree:
    """A SELECT as the source of another."""
    return select.subquery(exp.to_identifier(name))


STAR = exp.Star()


def chained(parts: Sequence[tuple[str, exp.Query]], last: exp.Select) -> exp.Select:
    """One statement: the named parts, each reading those before it, then the last."""
    whole = last
    for name, select in parts:
        whole = whole.with_(exp.to_identifier(name), as_=select, copy=False)
    return whole
