"""The events that a funnel is asked of: one relation, its columns, and what a definition may say about them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp

from journey_analytics.errors import ConfigError
from journey_analytics.facts.expressions import DIALECT, ExpressionError, condition_tree
from journey_analytics.funnels import sqltree as sql

NEEDED = ("customer_id", "event_at", "event_name")
_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Add, exp.Sub, exp.Mul, exp.Abs)


@dataclass(frozen=True)
class Log:
    """One relation of events.

    Parameters
    ----------
    table : the relation's name, such as journeys.events
    columns : every column's DuckDB type, in upper case; JSON columns may be looked into as `properties.x`
    order : the columns that put events of one instant in a fixed order, such as event_id, source
    left_out : events that are nobody's, as SQL of our own (`is_bot or is_internal`)
    made : columns that are made of others, as SQL of our own, instead of what the relation holds under that name
    sorted_by : the columns by which the relation's rows stand in its file; empty where they stand in no known order
    """

    table: str
    columns: Mapping[str, str]
    order: tuple[str, ...] = ("event_id",)
    left_out: str | None = None
    made: Mapping[str, str] = field(default_factory=dict)
    sorted_by: tuple[str, ...] = ()
    nested: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        nested = tuple(f"{name}.*" for name, kind in self.columns.items() if kind == "JSON")
        object.__setattr__(self, "nested", nested)

    def has(self, name: str) -> bool:
        """Whether a column, or a value inside a JSON column, may be named so."""
        return name in self.columns or name in self.made or f"{name.partition('.')[0]}.*" in self.nested

    def value(self, name: str, said: str) -> sql.Tree:
        """A column, or a value inside a JSON column as text.

        Raises
        ------
        ConfigError : there is no such column; `said` is what named it
        """
        if name in self.made:
            return sqlglot.parse_one(self.made[name], dialect=DIALECT)
        if name in self.columns:
            return sql.column(name)
        outside, _, inside = name.partition(".")
        if inside and f"{outside}.*" in self.nested:
            path = sqlglot.Dialect.get_or_raise(DIALECT).to_json_path(sql.text(f'$."{inside}"'))
            return exp.Paren(this=exp.JSONExtractScalar(this=sql.column(outside), expression=path))
        near = difflib.get_close_matches(name, self.columns, n=1)
        raise ConfigError(
            f"{said} names the column '{name}', which the events do not have"
            + (f"; did you mean '{near[0]}'?" if near else ""),
            allowed=", ".join([*self.columns, *self.nested]),
        )

    def condition(self, text: str) -> sql.Tree:
        """A definition's `where` as a checked tree over this log's columns.

        Raises
        ------
        ConfigError : it is not one boolean over these columns
        """
        try:
            tree = condition_tree(text, [*self.columns, *self.nested])
        except ExpressionError as error:
            raise ConfigError(str(error)) from error
        return exp.Paren(this=tree.transform(self._resolved))

    def _resolved(self, node: exp.Expr) -> exp.Expr:
        """A named value as this log holds it; text that is compared with a number is read as one, or as nothing."""
        if not isinstance(node, exp.Column):
            return node
        name = f"{node.table}.{node.name}" if node.table else node.name
        value = self.value(name, "where")
        if self.columns.get(name, "VARCHAR") not in ("VARCHAR", "JSON"):
            return value
        kind = _compared_as(node)
        return exp.TryCast(this=value, to=exp.DataType.build(kind)) if kind else value


def _compared_as(node: exp.Expr) -> str | None:
    """`double` or `boolean` where a text value stands beside a number or a truth; None where beside text."""
    part, parent = node, node.parent
    while isinstance(parent, exp.Paren | exp.Neg):
        part, parent = parent, parent.parent
    if isinstance(parent, _COMPARED):
        beside = [other for other in parent.walk() if isinstance(other, exp.Literal | exp.Boolean)]
        if any(isinstance(other, exp.Literal) and not other.is_string for other in beside):
            return "double"
        return "boolean" if any(isinstance(other, exp.Boolean) for other in beside) else None
    return "boolean" if parent is None or (isinstance(parent, exp.And | exp.Or | exp.Not) and part is node) else None
