"""What may be expected of a feed and of a model, as plain facts: the words that the YAML files use.

The YAML is read elsewhere (a feed's `feed:` list, a model's `checks:` list, the header of a file in sql/checks);
whether an expectation is met is judged in judge.py. A name or level that is not known is refused here, when the
expectation is made, so that a misspelt one stops the night before any work.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from journey_analytics.errors import ConfigError

LEVELS = MappingProxyType(
    {
        "warn": "unmet: the report says so",
        "freeze": "unmet: the report says so, and findings on this feed neither open nor close",
        "fail": "unmet: nothing is published",
    }
)
FEED_EXPECTATIONS = MappingProxyType(
    {
        "rows_vs_same_weekday": "rows of each judged day over the usual rows of that weekday (a ratio, 1 is usual)",
        "refused_share": "refused rows over rows read (0..1)",
        "duplicate_share": "duplicate rows over rows read (0..1)",
        "unmapped_share": "events that no touchpoint recognises over events (0..1)",
        "hours_since_last_event": "hours from the feed's last event to as_of",
        "rows_read": "rows read from the feed's files",
        "null_share": "rows whose column is empty over rows loaded (0..1)",
        "new_event_names": "event names first seen in the last seven days, of a feed known for four weeks",
        "hours_to_arrive": "hours within which 19 of 20 events of the last seven days were received",
        "clamped_share": "rows whose clock was ahead of the night over rows loaded (0..1)",
        "new_values": "rows with values that the contract does not list",
        "new_types": "rows with values of another type than the contract's",
        "new_columns": "rows of files with columns that the contract does not list",
        "missing_columns": "rows of files without a column that earlier files had",
        "reused_keys": "rows that repeat a key a day or more later with other content",
    }
)
UNKNOWN = frozenset({"new_values", "new_types", "new_columns", "missing_columns", "reused_keys"})
"""What a contract expects of itself: nothing that it does not know."""
MODEL_EXPECTATIONS = MappingProxyType(
    {
        "unique": "no two rows share the values of these columns",
        "not_null": "these columns are never empty",
        "between": "the column's values lie in at_least..at_most, both inclusive; empty ones are left out",
        "values": "the column holds only these values; empty ones are left out",
    }
)
CHECK_COLUMNS = MappingProxyType(
    {
        "check_id": ("varchar", "Unique within a night, such as feed:web:refused_share"),
        "scope": ("varchar", "feed, mart or model"),
        "subject": ("varchar", "The feed, the table, or the name of the question in sql/checks"),
        "expectation": ("varchar", "What was expected, as the YAML names it, or the question"),
        "level": ("varchar", "What an unmet one does: warn, freeze or fail"),
        "is_met": ("boolean", "Whether it holds"),
        "observed": ("varchar", "What was seen, in words"),
        "expected": ("varchar", "What was expected, in words"),
        "n_unexpected": ("bigint", "Rows, values or days that do not hold; 0 when it is met"),
        "sample": ("varchar", "The first of them, in words"),
    }
)


@dataclass(frozen=True)
class FeedExpectation:
    """What must hold of one feed's night.

    Parameters
    ----------
    expect : one of FEED_EXPECTATIONS
    between : (at least, at most), both inclusive; instead of at_least and at_most
    at_most, at_least : inclusive bounds, in the unit of the expectation
    column : for null_share: the landed column
    otherwise : one of LEVELS: what follows when it does not hold

    Raises
    ------
    ConfigError : unknown name or level (with a did-you-mean), no bound at all, bounds the wrong way round
    """

    expect: str
    between: tuple[float, float] | None = None
    at_most: float | None = None
    at_least: float | None = None
    column: str | None = None
    otherwise: str = "warn"

    def __post_init__(self) -> None:
        _known(self.expect, FEED_EXPECTATIONS, "feed expectation")
        _known(self.otherwise, LEVELS, "level")
        if self.between is not None and (self.at_most is not None or self.at_least is not None):
            raise ConfigError(
                f"{self.expect} has between beside at_least or at_most",
                allowed="between: [least, most], or at_least and at_most",
            )
        _bounded(self.expect, *self.bounds)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """(at least, at most), both inclusive; None where there is no bound on that side."""
        return (self.between[0], self.between[1]) if self.between is not None else (self.at_least, self.at_most)

    @property
    def in_words(self) -> str:
        """What is expected, as a person says it: 'at most 2 %'."""
        return _bounds_in_words(self.expect, *self.bounds)

    def result(self, source: str, *, is_met: bool, observed: str, n_unexpected: int, sample: str = "") -> Check:
        """This expectation, judged for one feed."""
        name = f"{self.expect} of {self.column}" if self.column else self.expect
        return Check(
            check_id=f"feed:{source}:{self.expect}{f':{self.column}' if self.column else ''}",
            scope="feed",
            subject=source,
            expectation=name,
            level=self.otherwise,
            is_met=is_met,
            observed=observed,
            expected=self.in_words,
            n_unexpected=n_unexpected,
            sample=sample,
        )


@dataclass(frozen=True)
class ModelCheck:
    """What must hold of one built table.

    Parameters
    ----------
    table : schema and name, such as 'marts.stage_metrics'
    expect : one of MODEL_EXPECTATIONS
    columns : for unique and not_null: one or more columns
    column : for between and values: the one column
    at_least, at_most : for between: inclusive bounds in the column's unit; one may be missing
    values : for values: what the column may hold
    otherwise : one of LEVELS

    Raises
    ------
    ConfigError : unknown name or level (with a did-you-mean), or a part that the expectation needs is missing
    """

    table: str
    expect: str
    columns: tuple[str, ...] = ()
    column: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    values: tuple[Any, ...] | None = None
    otherwise: str = "fail"

    def __post_init__(self) -> None:
        _known(self.expect, MODEL_EXPECTATIONS, "model expectation", where=self.table)
        _known(self.otherwise, LEVELS, "level", where=self.table)
        object.__setattr__(self, "columns", tuple(self.columns))
        if self.values is not None:
            object.__setattr__(self, "values", tuple(self.values))
        if not self.judged_columns:
            part = "columns" if self.expect in ("unique", "not_null") else "column"
            raise ConfigError(f"{self.expect} names no {part}", where=self.table, allowed=f"{part}: ...")
        if self.expect == "between":
            _bounded(f"between on {self.column}", self.at_least, self.at_most, where=self.table)
        if self.expect == "values" and not self.values:
            raise ConfigError(f"values on {self.column} lists none", where=self.table, allowed="in: [one, or, more]")

    @property
    def judged_columns(self) -> tuple[str, ...]:
        """The columns that the expectation speaks of, whichever key named them."""
        if self.expect in ("unique", "not_null"):
            return self.columns or ((self.column,) if self.column else ())
        return (self.column,) if self.column else self.columns[:1]

    @property
    def in_words(self) -> str:
        """What is expected, as a person says it: 'status holds only converted, lapsed, open'."""
        columns = ", ".join(self.judged_columns)
        match self.expect:
            case "unique":
                return f"no two rows share {columns}"
            case "not_null":
                return f"{columns} never empty"
            case "values":
                return f"{columns} holds only {', '.join(map(as_text, self.values or ()))}"
            case _:
                return f"{columns} {_bounds_in_words('', self.at_least, self.at_most)}"

    def result(self, *, is_met: bool, n_unexpected: int, n_judged: int, sample: str = "") -> Check:
        """This check, judged; n_judged counts rows or values, as the expectation does."""
        scope = "mart" if self.table.startswith("marts.") else "model"
        wrong = {"unique": "rows share their key", "not_null": "values empty", "values": "values not listed"}
        return Check(
            check_id=f"{scope}:{self.table}:{self.expect}:{','.join(self.judged_columns)}",
            scope=scope,
            subject=self.table,
            expectation=self.expect,
            level=self.otherwise,
            is_met=is_met,
            observed=f"{n_unexpected} of {n_judged} {wrong.get(self.expect, 'values outside')}",
            expected=self.in_words,
            n_unexpected=n_unexpected,
            sample=sample,
        )


@dataclass(frozen=True)
class SqlCheck:
    """One question of sql/checks: a SELECT that returns offending rows; none means that it is met.

    Parameters
    ----------
    name : the file's name without .sql
    question : the header's question, in plain words
    level : one of LEVELS
    sql : one SELECT statement

    Raises
    ------
    ConfigError : unknown level, with a did-you-mean
    """

    name: str
    question: str
    level: str
    sql: str

    def __post_init__(self) -> None:
        _known(self.level, LEVELS, "level", where=f"sql/checks/{self.name}.sql")

    def result(self, *, is_met: bool, n_unexpected: int, sample: str = "") -> Check:
        """This question, answered with the number of offending rows."""
        return Check(
            check_id=f"model:{self.name}",
            scope="model",
            subject=self.name,
            expectation=self.question,
            level=self.level,
            is_met=is_met,
            observed=f"{n_unexpected} offending {'row' if n_unexpected == 1 else 'rows'}",
            expected="no offending rows",
            n_unexpected=n_unexpected,
            sample=sample,
        )


@dataclass(frozen=True)
class Check:
    """One judged expectation: a row of ops.checks.

    Parameters
    ----------
    check_id : unique within a night, such as 'feed:web:refused_share'
    scope : feed, mart or model
    subject : the feed, the table, or the check's name
    expectation : what was expected, as the YAML names it
    level : one of LEVELS
    is_met : whether it holds
    observed, expected : in words, with the numbers
    n_unexpected : rows (or days) that do not hold; 0 when met
    sample : the first offending rows, in words; empty when met
    """

    check_id: str
    scope: str
    subject: str
    expectation: str
    level: str
    is_met: bool
    observed: str
    expected: str
    n_unexpected: int
    sample: str


def measure_in_words(measure: str, value: float) -> str:
    """One value of a feed's measure with its unit: '1.2 %', '3 h', '0.4 times the usual', '12345'.

    nan is a share of no rows, infinity the age of an event that never came.
    """
    if math.isnan(value):
        return "nothing to measure"
    if math.isinf(value):
        return "no event yet"
    if measure.endswith("_share"):
        return f"{100 * value:.3g} %"
    if measure.startswith("hours_"):
        return f"{value:.4g} h"
    if measure in UNKNOWN:
        return f"{value:,.0f} {'row' if value == 1 else 'rows'}"
    if measure == "rows_vs_same_weekday":
        return f"{value:.3g} times the usual"
    return f"{value:.0f}" if float(value).is_integer() else f"{value:g}"


def as_text(value: Any) -> str:
    """A YAML value as the database casts it to text: true, not True."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _bounds_in_words(measure: str, least: float | None, most: float | None) -> str:
    if least is not None and most is not None:
        if measure == "rows_vs_same_weekday":
            return f"{least:g} to {measure_in_words(measure, most)}"
        return f"{measure_in_words(measure, least)} to {measure_in_words(measure, most)}"
    if least is not None:
        return f"at least {measure_in_words(measure, least)}"
    return f"at most {measure_in_words(measure, most)}" if most is not None else "a finite number"


def _known(name: str, allowed: Iterable[str], kind: str, *, where: str = "") -> None:
    names = list(allowed)
    if name in names:
        return
    close = difflib.get_close_matches(str(name), names, n=1)
    hint = f": did you mean {close[0]}?" if close else ""
    raise ConfigError(
        f"unknown {kind} {name!r}{hint}", where=where, allowed=", ".join(names), do=f"use one of the allowed {kind}s"
    )


def _bounded(what: str, least: float | None, most: float | None, *, where: str = "") -> None:
    if least is None and most is None:
        raise ConfigError(f"{what} has no bound", where=where, allowed="at_least, at_most, or both")
    if least is not None and most is not None and least > most:
        raise ConfigError(f"{what} expects at least {least:g} and at most {most:g}: nothing can meet both", where=where)
