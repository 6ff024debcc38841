"""One row for each customer, session, journey or attempt counted: when it made each step, and what that brought in.

Optional steps are looked up here, in the gaps of the way that the required steps have settled: they never block it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from sqlglot import exp

from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.chains import Part, limited_gaps
from journey_analytics.funnels.marks import NONE, Question
from journey_analytics.funnels.sqltree import Tree, both, column, known, named, number, when


def parts(question: Question, lines: str) -> list[Part]:
    """`way` (required steps), one pair per optional step, and `attempts`; `lines` names the events in order."""
    found: list[Part] = [("way", _way(question))]
    optional = [place + 1 for place, step in enumerate(question.funnel.steps) if step.optional]
    for place in optional:
        found.append((f"found_{place}", _found(question, place, found[-1][0], lines)))
        found.append((f"with_{place}", _with(question, place, found[-2][0], lines)))
    found.append(("attempts", _attempts(question, found[-1][0])))
    return found


def _event(question: Question, place: int, table: str) -> list[Tree]:
    """What is kept of the event that made a step."""
    kept = {"at": "event_at", "position": "position"}
    if "revenue_minor" in question.log.columns:
        kept["revenue"] = "revenue_minor"
    if _read_at(question, place):
        kept["value"] = "breakdown_value"
    return [named(column(name, table), f"{short}_{place}") for short, name in kept.items()]


def _read_at(question: Question, place: int) -> bool:
    """Whether the breakdown may be read at this step."""
    breakdown, funnel = question.funnel.breakdown, question.funnel
    if breakdown is None or question.per_value:
        return False
    if breakdown.at == "last":
        return not funnel.steps[place - 1].optional
    return place == (1 if breakdown.at in ("first", "all") else funnel.titles.index(breakdown.at) + 1)


def _way(question: Question) -> exp.Select:
    funnel = question.funnel
    required = [place + 1 for place in funnel.required]
    kept = list(dict.fromkeys(("customer_id", *question.unit, *question.way, *question.carried)))
    last = required[-1]
    is_open = both(column("furthest", "step_1") < number(last), column("could_go_on", "step_1").eq(number(1)))
    chosen = [*sql.columns(kept, "step_1"), column("furthest", "step_1"), named(is_open, "is_open"),
              named(when(is_open, column("open_since_at", "step_1")), "open_since_at")]  # fmt: skip
    for place in required:
        chosen += _event(question, place, f"step_{place}")
        if place in limited_gaps(funnel):
            chosen.append(named(column(f"until_{place}", f"step_{place}"), f"until_{place}"))
    built = exp.select(*chosen).from_(sql.table("begun", "step_1"))
    for before, place in pairwise(required):
        there = both(
            sql.equal(question.way, f"step_{place}", "step_1"),
            column("position", f"step_{place}").eq(column(f"next_{before}", f"step_{before}")),
        )
        built = built.join(sql.table(f"onward_{place}", f"step_{place}"), on=there, join_type="left")
    built.add_comments([" the events that made the required steps "])
    return built


def _found(question: Question, place: int, way: str, lines: str) -> exp.Select:
    """Where an optional step was made: the first such event after the step before it and before the one after it."""
    funnel = question.funnel
    before = max(other + 1 for other in funnel.required if other + 1 < place)
    after = next((other + 1 for other in funnel.required if other + 1 > place), None)
    since_at: Tree = column(f"at_{before}", "way")
    since: Tree = column(f"position_{before}", "way")
    for other in range(before + 1, place):  # optional steps of the same gap that were made
        since_at = exp.Coalesce(this=column(f"at_{other}", "way"), expressions=[since_at])
        since = exp.Coalesce(this=column(f"position_{other}", "way"), expressions=[since])
    at, position = column("event_at", "events"), column("position", "events")
    later: Tree = at > since_at if funnel.ties == "strictly_after" else position > since
    slack = sql.duration(funnel.tolerance) if funnel.tolerance is not None else None
    if slack is not None:
        later = at + slack >= since_at
    open_end: list[Tree] = []
    if funnel.window is not None:
        open_end.append(at <= column("at_1", "way") + sql.duration(funnel.window))
    if before in limited_gaps(funnel):
        open_end.append(position <= column(f"until_{before}", "way"))
    bound: Tree = both(*open_end)
    if after is not None:
        reached = column(f"position_{after}", "way")
        earlier: Tree = at < column(f"at_{after}", "way") if funnel.ties == "strictly_after" else position < reached
        if slack is not None:
            earlier = at <= column(f"at_{after}", "way") + slack
        bound = exp.or_(both(known(reached), earlier), both(sql.unknown(reached), *open_end), wrap=True)
    within = funnel.steps[place - 1].within
    in_time = at <= column(f"at_{before}", "way") + sql.duration(within) if within is not None else None
    there = both(
        sql.equal(question.way, "events", "way"),
        exp.column(f"is_{place}", table="events"), later, exp.Paren(this=bound), in_time,
    )  # fmt: skip
    keys = list(dict.fromkeys((*question.unit, *question.way)))
    built = exp.select(*sql.columns(keys, "way"), named(exp.Min(this=position), f"position_{place}"))
    built = built.from_(sql.table(way, "way")).join(sql.table(lines, "events"), on=there)
    built.add_comments([f" the optional step {place} "])
    return built.group_by(*sql.columns(keys, "way"))


def _with(question: Question, place: int, way: str, lines: str) -> exp.Select:
    there = f"found_{place}"
    chosen: Sequence[Tree] = [exp.Column(this=exp.Star(), table=exp.to_identifier("way")),
                              *_event(question, place, "events")]  # fmt: skip
    built = exp.select(*chosen).from_(sql.table(way, "way"))
    built = built.join(exp.to_table(there), on=sql.equal(question.way, there, "way"), join_type="left")
    return built.join(
        sql.table(lines, "events"),
        on=both(
            sql.equal(question.way, "events", "way"),
            column("position", "events").eq(column(f"position_{place}", there)),
        ),
        join_type="left",
    )


def _attempts(question: Question, way: str) -> exp.Select:
    funnel = question.funnel
    places = range(1, len(funnel.steps) + 1)
    chosen: list[Tree] = sql.columns(dict.fromkeys(("customer_id", *question.unit, *question.carried)))
    chosen += [column("furthest"), column("is_open"), column("open_since_at")]
    if funnel.breakdown and not question.per_value:
        chosen.append(named(_value(question), "breakdown_value"))
    chosen += [named(_at(question, place), f"at_{place}") for place in places]
    if "revenue_minor" in question.log.columns:
        chosen += [column(f"revenue_{place}") for place in places]
    return sql.query(chosen, way, said=f"one row for each of the {funnel.count} counted")


def _at(question: Question, place: int) -> Tree:
    """When a step was made: with a tolerance never before the steps it follows, whose order nobody knows."""
    at, funnel = column(f"at_{place}"), question.funnel
    before = sql.columns(f"at_{other + 1}" for other in funnel.required if other + 1 < place)
    if funnel.tolerance is None or not before:
        return at
    return when(known(at), sql.greatest([at, *before]))


def _value(question: Question) -> Tree:
    """The breakdown's value, read at its moment."""
    funnel = question.funnel
    assert funnel.breakdown is not None
    if funnel.breakdown.at != "last":
        value: Tree = column(f"value_{next(p for p in range(1, len(funnel.steps) + 1) if _read_at(question, p))}")
        return exp.Coalesce(this=value, expressions=[sql.text(NONE)])
    case = exp.Case()
    for place in reversed(funnel.required):
        case = case.when(column("furthest").eq(number(place + 1)), column(f"value_{place + 1}"))
    return case
