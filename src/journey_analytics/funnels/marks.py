"""Which events could be which step, and the order they stand in: the part of the statement that every order shares.

marked    one row per event, with a flag for every step it could be
firsts    where a step asks for a customer's first time, only that one keeps its flag
once      with a tolerance, an event keeps the flag of the first step it could be alone
lined_up  the events that matter, each with its position: by time, then as `ties` says, then by id
pieces    for attempts: each customer's events, cut where a new attempt begins
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from journey_analytics.errors import ConfigError
from journey_analytics.facts.funnelparts import Entered, Exclusion, Selector, Step
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.sqltree import Tree, both, column, either, known, named, number, over, when

NONE = "(none)"
"""How a breakdown calls those without a value."""

_UNITS = {"customers": "customer_id", "sessions": "session_id", "journeys": "journey_id", "attempts": "customer_id"}


@dataclass(frozen=True)
class Question:
    """A funnel asked of a log.

    `per_value` asks it once per value of the breakdown (`at: all`); `carried` are columns of the first step's event
    that the answer keeps, such as journey_id.
    """

    funnel: Funnel
    log: Log
    per_value: bool = False
    carried: tuple[str, ...] = ()

    @property
    def base(self) -> tuple[str, ...]:
        """Whose events stand in one line."""
        return (_UNITS[self.funnel.count], *(("breakdown_value",) if self.per_value else ()))

    @property
    def held(self) -> tuple[str, ...]:
        """The columns of held properties."""
        return tuple(f"held_{place}" for place in range(1, len(self.funnel.hold) + 1))

    @property
    def unit(self) -> tuple[str, ...]:
        """What is counted."""
        return (*self.group, "attempt_number") if self.funnel.count == "attempts" else self.base

    @property
    def group(self) -> tuple[str, ...]:
        """Within what the steps of one attempt are looked for, attempts' own number left out."""
        return (*self.base, *self.held)

    @property
    def way(self) -> tuple[str, ...]:
        """Within what the steps of one attempt are looked for."""
        return self.unit if self.funnel.count == "attempts" else self.group


def flag(place: int) -> Tree:
    """Whether an event could be the step at this place (from 0)."""
    return column(f"is_{place + 1}")


def source(question: Question) -> list[tuple[str, exp.Query]]:
    """The parts up to `lined_up` or `pieces`, and the name of the last is what the steps are looked for in."""
    parts: list[tuple[str, exp.Query]] = [("marked", _marked(question))]
    if any(step.first_time for step in question.funnel.steps):
        parts.append(("firsts", _firsts(question)))
    if question.funnel.tolerance is not None:
        parts.append(("once", _once(question, parts[-1][0])))
    parts.append(("lined_up", _lined_up(question, parts[-1][0])))
    if question.funnel.count == "attempts":
        parts += [("cuts", _cuts(question)), ("pieces", _pieces(question))]
    return parts


def selected(log: Log, selector: Selector) -> Tree:
    """Whether an event is one of those a selector names, its condition left out."""
    names = selector.names
    if names is None and selector.event:
        return exp.true()
    named_by = log.value(selector.kind, "a step")
    if names is None:
        return known(named_by)
    return named_by.eq(sql.text(names[0])) if len(names) == 1 else named_by.isin(*map(sql.text, names))


def _chosen(log: Log, selector: Selector) -> Tree:
    where = log.condition(selector.where) if selector.where else None
    return both(selected(log, selector), where)


def makes(question: Question, step: Step) -> Tree:
    """Whether an event could be a step."""
    log, funnel = question.log, question.funnel
    wheres = [log.condition(text) for text in (step.where if step.any_of else None, funnel.where) if text]
    held = [known(log.value(name, "hold")) for name in funnel.hold]
    return both(either(*(_chosen(log, each) for each in step.selectors)), *wheres, *held)


def _breaks(question: Question, exclusion: Exclusion) -> Tree:
    held = [known(question.log.value(name, "hold")) for name in question.funnel.hold]
    return both(_chosen(question.log, exclusion), *held)


def _true(condition: Tree) -> Tree:
    """A condition that is never NULL."""
    return exp.Coalesce(this=condition, expressions=[exp.false()])


def _marked(question: Question) -> exp.Select:
    funnel, log = question.funnel, question.log
    for name in ("customer_id", *question.base[:1], *log.order):
        if not log.has(name):
            raise ConfigError(
                f"counting {funnel.count} needs the column {name}, which the events do not have",
                allowed=", ".join(log.columns), do="name the column that holds it, or count: customers",
            )  # fmt: skip
    kept: dict[str, Tree] = {name: column(name) for name in ("customer_id", "event_at", *log.order)}
    if funnel.rounding is not None:
        kept["event_at"] = sql.rounded(column("event_at"), funnel.rounding)
    kept |= {name: log.value(name, "the funnel") for name in (question.base[0], *question.carried)}
    if funnel.sequence:
        kept["sequence"] = log.value(funnel.sequence, "sequence")
    if "revenue_minor" in log.columns:
        kept["revenue_minor"] = log.value("revenue_minor", "revenue")
    if funnel.breakdown:
        value = exp.cast(log.value(funnel.breakdown.by, "breakdown"), "varchar")
        kept["breakdown_value"] = exp.Coalesce(this=value, expressions=[sql.text(NONE)])
    for name, prop in zip(question.held, funnel.hold, strict=True):
        kept[name] = exp.cast(log.value(prop, "hold"), "varchar")
    marks = [named(_true(makes(question, step)), _raw(funnel, place)) for place, step in enumerate(funnel.steps)]
    for place, step in enumerate(funnel.steps):
        if step.first_time == "event":
            marks.append(named(_true(either(*(selected(log, each) for each in step.selectors))), f"called_{place + 1}"))
    marks += [named(_true(_breaks(question, each)), f"out_{n}") for n, each in enumerate(funnel.exclude, 1)]
    if funnel.order == "strict":
        marks.append(named(_true(log.condition(funnel.where)) if funnel.where else exp.true(), "in_scope"))
    selected_columns = [value if value.output_name == name else named(value, name) for name, value in kept.items()]
    whose = dict.fromkeys(("customer_id", "event_at", question.base[0]))
    rows = sql.query([*selected_columns, *marks], log.table, said="every event, and which steps it could be")
    return rows.where(
        both(
            *(known(column(name)) for name in whose),
            column("event_at") < sql.moment(funnel.as_of) if funnel.as_of else None,
            exp.Not(this=exp.Paren(this=sqlglot.parse_one(log.left_out))) if log.left_out else None,
        )
    )


def _raw(funnel: Funnel, place: int) -> str:
    """What the flag of a step is called before it is settled whose first time it is."""
    return f"could_{place + 1}" if funnel.steps[place].first_time else _unsettled(funnel, place)


def _unsettled(funnel: Funnel, place: int) -> str:
    """What the flag of a step is called before it is settled for which of several steps an event counts."""
    return f"is_{place + 1}" if funnel.tolerance is None else f"may_{place + 1}"


def _earliest(question: Question) -> list[str]:
    sequence = ["sequence"] if question.funnel.sequence else []
    return ["event_at", *sequence, *question.log.order]


def _firsts(question: Question) -> exp.Select:
    """Only the first of a customer's events of that name, or of those that could be the step, keeps its flag."""
    marks = []
    value = ["breakdown_value"] if question.per_value else []
    for place, step in enumerate(question.funnel.steps, 1):
        if step.first_time:
            among = f"called_{place}" if step.first_time == "event" else f"could_{place}"
            whose = ["customer_id", *(value if step.first_time == "step" else []), among]
            first = over(exp.RowNumber(), whose, _earliest(question)).eq(number(1))
            marks.append(named(both(column(f"could_{place}"), first), _unsettled(question.funnel, place - 1)))
    return sql.query([sql.STAR, *marks], "marked", said="a customer's first time, over the whole log")


def _once(question: Question, before: str) -> exp.Select:
    """No event makes two steps, so that a way that goes back in time cannot come by an event twice."""
    may = [column(f"may_{place}") for place in range(1, len(question.funnel.steps) + 1)]
    marks = [named(both(each, *map(sql.negated, may[:place])), f"is_{place + 1}") for place, each in enumerate(may)]
    return sql.query([sql.STAR, *marks], before, said="the first step that an event could be")


def _lined_up(question: Question, before: str) -> exp.Select:
    funnel = question.funnel
    rank = exp.Case()
    for place in range(len(funnel.steps)):
        rank = rank.when(flag(place), number(place + 1))
    rank = rank.else_(number(len(funnel.steps) + 1))
    order: list[Tree | str] = ["event_at", *(["sequence"] if funnel.sequence else []), rank, *question.log.order]
    marks = [named(over(exp.RowNumber(), question.base, order), "position")]
    if funnel.ties == "strictly_after":
        dense = exp.Anonymous(this="DENSE_RANK", expressions=[])
        marks.append(named(over(dense, question.base, ["event_at"]), "instant"))
    wanted = [flag(place) for place in range(len(funnel.steps))]
    wanted += [column(f"out_{n}") for n in range(1, len(funnel.exclude) + 1)]
    wanted += [column("in_scope")] if funnel.order == "strict" else []
    in_range = inside(funnel.entered) if funnel.range == "whole" else None
    lined_up = sql.query([sql.STAR, *marks], before, said="the events that matter, in order")
    return lined_up.where(both(either(*wanted), in_range))


def inside(entered: Entered) -> Tree | None:
    """Whether an event falls inside a range; None where the range has no ends."""
    if not entered.from_ and not entered.to:
        return None
    return both(
        column("event_at") >= sql.moment(entered.from_) if entered.from_ else None,
        column("event_at") < sql.moment(entered.to) if entered.to else None,
    )


def _cuts(question: Question) -> exp.Select:
    """What came before an event: the last first step, and the last last step."""
    funnel = question.funnel
    last = funnel.required[-1]

    def latest(is_there: Tree, value: str) -> Tree:
        return over(exp.Max(this=when(is_there, column(value))), question.group, ["position"], sql.BEFORE)

    return sql.query(
        [
            sql.STAR,
            named(latest(flag(0), "position"), "last_start"),
            named(latest(flag(0), "event_at"), "last_start_at"),
            named(latest(flag(last), "position"), "last_end"),
        ],
        "lined_up",
        said="the last first step and the last last step before each event",
    )


def _pieces(question: Question) -> exp.Select:
    """Attempts, numbered: a first step after a last step, or after a silence of the window, begins a new one."""
    funnel = question.funnel
    anew = [sql.unknown(column("last_start")), column("last_end") > column("last_start")]
    if funnel.window is not None:
        anew.append(column("event_at") > column("last_start_at") + sql.duration(funnel.window))
    begins = flag(0) if len(funnel.required) == 1 else both(flag(0), either(*anew))
    numbered = over(exp.Sum(this=when(begins, number(1), number(0))), question.group, ["position"], sql.SO_FAR)
    return sql.query([sql.STAR, named(numbered, "attempt_number")], "cuts", said="attempts, one after the other")
