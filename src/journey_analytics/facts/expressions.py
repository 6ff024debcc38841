"""SQL that people write in YAML, parsed and checked before any of it runs.

A condition in YAML is one boolean over known columns: comparisons, `and`, `or`, `not`, `in`, `between`, `like`,
`is null`, arithmetic and a few harmless functions. Subqueries, other functions and other columns are refused; what runs
is written anew from the syntax tree, never the text itself.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Collection, Mapping

import sqlglot
from sqlglot import exp

DIALECT = "duckdb"

_ALLOWED_NODES = (
    exp.Column, exp.Identifier, exp.Literal, exp.Boolean, exp.Null, exp.Paren, exp.And, exp.Or, exp.Not, exp.EQ,
    exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Between, exp.Like, exp.ILike, exp.Is, exp.Add, exp.Sub,
    exp.Mul, exp.Neg, exp.Interval, exp.Var, exp.Cast, exp.DataType, exp.Lower, exp.Upper, exp.Length, exp.Coalesce,
    exp.Abs, exp.Date, exp.Tuple, exp.DataTypeParam, exp.StartsWith,
)  # fmt: skip


_TRUTHS = (exp.And, exp.Or, exp.Not, exp.Predicate, exp.Boolean, exp.Column, exp.StartsWith)


class ExpressionError(ValueError):
    """A condition that is not one checked boolean; the message says why and what was allowed."""


def checked_condition(text: str, columns: Collection[str], *, settings: Mapping[str, str] | None = None) -> str:
    """Check one boolean condition and write it anew as DuckDB SQL.

    Parameters
    ----------
    text : the condition as written in YAML
    columns : the column names it may use
    settings : words that stand for a setting, with the SQL that replaces them (`as_of`)

    Raises
    ------
    ExpressionError : it does not parse, names an unknown column, or uses anything beyond plain comparisons
    """
    return str(condition_tree(text, columns, settings=settings).sql(dialect=DIALECT, comments=False))


def condition_tree(text: str, columns: Collection[str], *, settings: Mapping[str, str] | None = None) -> exp.Expr:
    """Check one boolean condition; its syntax tree, for those who build larger statements.

    `columns` may hold nested names too: `properties.size` allows that one property, `properties.*` any of them.

    Raises
    ------
    ExpressionError : as checked_condition
    """
    settings = settings or {}
    tree = _parsed(text)
    for node in tree.walk():
        if not isinstance(node, _ALLOWED_NODES):
            raise ExpressionError(f"'{text}' uses {_name(node)}; allowed are comparisons of columns with values")
        if isinstance(node, exp.Column):
            _check_column(node, text, columns, settings)
    if not isinstance(tree.unnest(), _TRUTHS):
        raise ExpressionError(f"'{text}' is not true or false; allowed are comparisons of columns with values")

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name in settings:
            return sqlglot.parse_one(settings[node.name], dialect=DIALECT)
        return node

    return tree.transform(replace)


@functools.cache
def referenced_tables(sql: str) -> frozenset[str]:
    """The `schema.table` names one SELECT reads, its own CTEs left out."""
    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    tables = {(table.db, table.name) for table in tree.find_all(exp.Table)}
    return frozenset(f"{db}.{name}" if db else name for db, name in tables if db or name not in own)


def reading_instead(sql: str, tables: Mapping[str, str]) -> str:
    """One SELECT written anew, without its comments, to read other tables: the `schema.table` names on the right."""

    def replace(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Table) and f"{node.db}.{node.name}" in tables:
            schema, _, name = tables[f"{node.db}.{node.name}"].partition(".")
            return exp.table_(name, db=schema, alias=node.alias or node.name)
        return node

    tree = sqlglot.parse_one(sql, dialect=DIALECT)
    return str(tree.transform(replace).sql(dialect=DIALECT, comments=False, pretty=True))


def quoted(identifier: str) -> str:
    """An identifier as SQL text, quoted so that nothing in it can end it."""
    return '"' + identifier.replace('"', '""') + '"'


def _parsed(text: str) -> exp.Expr:
    """The syntax tree of one condition; of several, or of none, an error."""
    try:
        trees = sqlglot.Dialect.get_or_raise(DIALECT).parse_into(exp.Condition, text)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise ExpressionError(f"'{text}' is not a condition that SQL understands") from error
    if len(trees) != 1 or trees[0] is None:
        raise ExpressionError(f"'{text}' holds {len(trees)} statements; allowed is one condition")
    return trees[0]


def _check_column(column: exp.Column, text: str, columns: Collection[str], settings: Mapping[str, str]) -> None:
    name = column.sql(dialect=DIALECT)
    if name in settings or (not column.table and column.name in columns):
        return
    nested = f"{column.table}.{column.name}"
    if column.table and not column.db and (nested in columns or f"{column.table}.*" in columns):
        return
    near = difflib.get_close_matches(column.name, list(columns), n=1)
    hint = f" (did you mean '{near[0]}'?)" if near else f"; it may use {', '.join(sorted(columns))}"
    raise ExpressionError(f"'{text}' names the column {name}, which does not exist{hint}")


def _name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return f"the function {node.name}()"
    if isinstance(node, exp.Func):
        return f"the function {node.sql_name().lower()}()"
    return f"'{node.key}'"
