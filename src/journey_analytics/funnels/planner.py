"""From a funnel and a log to an answer: who counts, what is asked, and what is said about the numbers.

`ENGINES` stands in the order of preference; the first that does not decline answers.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from journey_analytics.errors import ConfigError
from journey_analytics.facts.funnelparts import Step
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import compiler, marks, shares
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.engines import Ansi, Declined, Engine, Row
from journey_analytics.funnels.fast import Sorted
from journey_analytics.funnels.kept import Kept, attempts_of
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse

ENGINES: tuple[Engine, ...] = (Sorted(), Ansi())
NAMES_SHOWN = 1000


@dataclass(frozen=True)
class Answer:
    """A funnel's numbers with what they rest on.

    `rows` are one per segment, breakdown value (None is everyone) and step; `path` is the engine that counted, and
    `declined` why each engine before it did not.
    """

    funnel: Funnel
    rows: tuple[Row, ...]
    path: str
    declined: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """One plain object: the funnel, its rules with their values, and the steps of every group."""
        groups: dict[Any, list[Row]] = {}
        for row in self.rows:
            kept = {name: row[name] for name in shares.COLUMNS if name not in ("funnel", "breakdown_value")}
            groups.setdefault(row["breakdown_value"], []).append(kept)
        return {
            "funnel": self.funnel.funnel,
            "as_of": self.funnel.as_of.isoformat() if self.funnel.as_of else None,
            "rules": self.funnel.rules(),
            "path": self.path,
            "warnings": list(self.warnings),
            "groups": [{"breakdown_value": value, "steps": steps} for value, steps in groups.items()],
        }


def answer(funnel: Funnel, log: Log, warehouse: Warehouse, *, segments: str | None = None) -> Answer:
    """Count a funnel over a log.

    Parameters
    ----------
    funnel : the definition; without an as_of, the data is taken to be complete up to just after the last event
    log : the events, as one relation of `warehouse`
    segments : a relation (touch_id, segment), for rows per segment besides; the log then has touch_id

    Raises
    ------
    ConfigError : the definition names a column that the events do not have
    """
    funnel = settled(funnel, log, warehouse)
    warnings = tuple(unmatched(funnel, log, warehouse))
    rows: list[Row] = []
    path = ""
    declined: list[tuple[str, str]] = []
    for question in questions(funnel, log, carried=("touch_id",) if segments else ()):
        path, counted, declined = counted_by(question, warehouse, segments)
        rows += counted
    return Answer(funnel, tuple(shares.shared(funnel, rows)), path, tuple(declined), warnings)


def questions(funnel: Funnel, log: Log, *, carried: tuple[str, ...] = ()) -> list[Question]:
    """What has to be asked: once for everyone, and for `breakdown: at all` once per value besides."""
    if funnel.breakdown is None or funnel.breakdown.at != "all":
        return [Question(funnel, log, carried=carried)]
    whole = funnel.model_copy(update={"breakdown": None})
    return [Question(whole, log, carried=carried), Question(funnel, log, per_value=True, carried=carried)]


def counted_by(
    question: Question, warehouse: Warehouse, segments: str | None = None
) -> tuple[str, list[Row], list[tuple[str, str]]]:
    """The first engine that answers: its name and rows, and why those before it did not."""
    declined: list[tuple[str, str]] = []
    for engine in ENGINES:
        reason = engine.declines(question, warehouse)
        if reason is None:
            try:
                return engine.name, engine.steps(question, warehouse, segments=segments), declined
            except Declined as error:
                reason = str(error)
        declined.append((engine.name, reason))
    raise ConfigError("no engine answers this funnel", allowed="; ".join(f"{who}: {why}" for who, why in declined))


def attempts(funnel: Funnel, log: Log, warehouse: Warehouse) -> AbstractContextManager[Kept]:
    """One row for each one counted, in a table that is there while the block lasts; the breakdown is left out."""
    whole = settled(funnel, log, warehouse).model_copy(update={"breakdown": None})
    return attempts_of(Question(whole, log), warehouse)


def settled(funnel: Funnel, log: Log, warehouse: Warehouse) -> Funnel:
    """The funnel with its as_of: as given, or just after the last event."""
    if funnel.as_of is not None:
        return funnel
    latest = warehouse.scalar(compiler.written(sql.query([sql.latest("event_at")], log.table)))
    if latest is None:
        return funnel
    return funnel.model_copy(update={"as_of": latest + datetime.timedelta(microseconds=1)})


def unmatched(funnel: Funnel, log: Log, warehouse: Warehouse) -> list[str]:
    """A warning for every step that no event makes, with the names that come nearest."""
    question = Question(funnel, log)
    counted = [
        sql.named(sql.counted(marks.makes(question, step)), f"n_{place}") for place, step in enumerate(funnel.steps)
    ]
    found = warehouse.rows(compiler.written(sql.query(counted, log.table)))[0]
    empty = [step for place, step in enumerate(funnel.steps) if not found[f"n_{place}"]]
    return [f"no event makes the step '{step.title}' ({step.makes}){_nearest(step, log, warehouse)}" for step in empty]


def _nearest(step: Step, log: Log, warehouse: Warehouse) -> str:
    hints = []
    for each in step.selectors:
        rows = warehouse.rows(
            compiler.written(sql.query([sql.column(each.kind)], log.table).distinct().limit(NAMES_SHOWN))
        )
        known = sorted(row[each.kind] for row in rows if row[each.kind] is not None)
        for name in each.names or ():
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            if name in known:
                hints.append(f"events called '{name}' exist, but none meets the conditions")
            elif near:
                hints.append(f"did you mean {' or '.join(repr(other) for other in near)}?")
            elif not known:
                hints.append(f"no event has a {each.kind}")
            else:
                hints.append(f"the events are called {', '.join(known[:8])}{', …' if len(known) > 8 else ''}")
    return "; " + "; ".join(dict.fromkeys(hints)) if hints else ""


def customers(funnel: Funnel, log: Log, warehouse: Warehouse, step: int, *, lost: bool) -> list[Row]:
    """The customers who reached a step, or those who made the step before and were lost before this one.

    Parameters
    ----------
    step : the step's number, from 1
    lost : those lost before the step, the ones who may still make it left out

    Returns
    -------
    rows of customer_id, the step before's and this step's time, sorted by customer_id

    Raises
    ------
    ConfigError : there is no such step, or nobody can be lost before it
    """
    places = len(funnel.steps)
    if not 1 <= step <= places or (lost and step == 1):
        raise ConfigError(
            f"there is no step {step} that somebody could {'be lost before' if lost else 'reach'}",
            allowed=f"{2 if lost else 1} to {places}: {', '.join(funnel.labels)}",
        )
    funnel = settled(funnel, log, warehouse)
    previous = funnel.previous(step - 1)
    before = sql.column(f"at_{previous + 1 if previous is not None else 1}")
    here = sql.column(f"at_{step}")
    asked = sql.known(here)
    if lost:
        asked = sql.both(sql.known(before), sql.unknown(here), sql.negated(sql.column("is_open")))
    wanted = sql.query(
        [sql.column("customer_id"), sql.named(before, "previous_at"), sql.named(here, "reached_at")], "attempts"
    ).where(asked)
    question = Question(funnel.model_copy(update={"breakdown": None}), log)
    chained = sql.chained(compiler.parts(question), wanted.order_by(*sql.columns(("customer_id", "previous_at"))))
    return warehouse.rows(compiler.written(chained))


def statements(funnel: Funnel, log: Log, *, dialect: str = "duckdb") -> Sequence[str]:
    """The SELECTs that answer a funnel, to be read or pasted."""
    return [compiler.steps(question, dialect=dialect) for question in questions(funnel, log)]
