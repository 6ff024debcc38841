"""Steps in any order: how many different ones lie within one window.

An event counts for the first listed step that it could be; equal steps need one event each. Every such event may begin
an attempt. An excluded event that drops ends the stretch in which steps are gathered.
"""

from __future__ import annotations

from sqlglot import exp

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.chains import Part, removes
from journey_analytics.funnels.marks import Question, flag, inside, source
from journey_analytics.funnels.sqltree import Tree, both, column, either, known, named, number, over, when

_KEPT = {"event_at": "at", "revenue_minor": "revenue", "breakdown_value": "value"}


def kinds(funnel: Funnel) -> list[tuple[int, int]]:
    """(place from 0 of the first of several equal steps, how many there are), in the order of the steps."""
    seen: dict[str, list[int]] = {}
    for place, step in enumerate(funnel.steps):
        seen.setdefault(step.model_copy(update={"name": None}).model_dump_json(), []).append(place)
    return [(places[0], len(places)) for places in seen.values()]


def parts(question: Question) -> list[Part]:
    """The statement's parts up to `attempts`: one row for each one counted."""
    funnel = question.funnel
    found = source(question)
    found += [
        ("stretches", _stretches(question)),
        ("starts", _starts(question)),
        ("begun", _begun(question)),
        ("gathered", _gathered(question)),
    ]
    if removes(funnel):
        found += [("finished", _finished(question)), ("removed", _removed(question))]
    return [*found, ("attempts", _attempts(question))]


def _stretch(question: Question) -> tuple[str, ...]:
    return (*question.group, "stretch")


def _stretches(question: Question) -> exp.Select:
    """Which kind of step an event is, and after how many excluded ones."""
    funnel = question.funnel
    kind = exp.Case()
    for turn, (place, _) in enumerate(kinds(funnel), 1):
        kind = kind.when(flag(place), number(turn))
    dropping = [column(f"out_{n}") for n, each in enumerate(funnel.exclude, 1) if each.then == "drop"]
    out = when(either(*dropping), number(1), number(0)) if dropping else number(0)
    stretch = over(exp.Sum(this=out), question.group, ["position"], sql.SO_FAR) if dropping else number(0)
    return sql.query(
        [sql.STAR, named(kind, "kind"), named(stretch, "stretch")], "lined_up", said="which step each event counts for"
    )


def _starts(question: Question) -> exp.Select:
    """How many different steps follow within the window of each event that may begin an attempt."""
    funnel = question.funnel
    end: Tree | str = sql.duration(funnel.window) if funnel.window is not None else "UNBOUNDED"
    frame: sql.Frame = ("CURRENT ROW", None, end, "FOLLOWING")
    reached: Tree | None = None
    for turn, (_, wanted) in enumerate(kinds(funnel), 1):
        there = over(
            exp.Count(this=when(column("kind").eq(number(turn)), number(1))),
            _stretch(question), ["event_at"], frame, kind="RANGE",
        )  # fmt: skip
        capped = sql.least([there, number(wanted)])
        reached = capped if reached is None else reached + capped
    assert reached is not None
    may = both(known(column("kind")), inside(funnel.entered))
    if funnel.attempt == "first":
        may = both(may, column("position").eq(over(exp.Min(this=when(may, column("position"))), question.unit)))
    last = column("stretch").eq(over(exp.Max(this=column("stretch")), question.group))
    marks = [named(may, "may_begin"), named(reached, "n_steps"), named(last, "is_last_stretch")]
    return sql.query([sql.STAR, *marks], "stretches", said="how many steps follow within the window")


def _begun(question: Question) -> exp.Select:
    """The attempt that counts: the first, or of those with most steps the earliest; and whether any may go on."""
    funnel = question.funnel
    order: list[Tree | str] = [column("position")]
    if funnel.attempt == "best":
        order.insert(0, exp.Neg(this=column("n_steps")))
    could: list[Tree] = [exp.false() if funnel.is_over else column("is_last_stretch")]
    if funnel.as_of is not None and funnel.window is not None:
        could.append(column("event_at") + sql.duration(funnel.window) >= sql.moment(funnel.as_of))
    marks = [
        named(over(exp.RowNumber(), question.unit, order), "turn"),
        named(when(both(*could), number(1), number(0)), "could_go_on"),
    ]
    ways = sql.inner(sql.query([sql.STAR, *marks], "starts").where(column("may_begin")), "ways")
    alive = over(exp.Max(this=column("could_go_on")), question.unit)
    since = over(exp.Max(this=when(column("could_go_on").eq(number(1)), column("event_at"))), question.unit)
    every = sql.inner(
        sql.query([sql.STAR, named(alive, "any_could_go_on"), named(since, "open_since_at")], ways), "every"
    )
    return sql.query([sql.STAR], every, said="the attempt that counts").where(column("turn").eq(number(1)))


def _gathered(question: Question) -> exp.Select:
    """The events that made a step, numbered as they came."""
    funnel = question.funnel
    wanted = exp.Case()
    for turn, (_, n) in enumerate(kinds(funnel), 1):
        wanted = wanted.when(column("kind", "events").eq(number(turn)), number(n))
    same = both(
        sql.equal(_stretch(question), "events", "begun"),
        column("position", "events") >= column("position", "begun"),
        column("event_at", "events") <= column("event_at", "begun") + sql.duration(funnel.window)
        if funnel.window is not None else None,
        known(column("kind", "events")),
    )  # fmt: skip
    events = sql.table("stretches", "events")
    nth = over(exp.RowNumber(), [*question.unit, "kind"], ["position"])
    kept = [*dict.fromkeys((*question.unit, "position", "event_at", "kind"))]
    kept += [name for name in ("revenue_minor", "breakdown_value") if _has(question, name) and name not in kept]
    near = exp.select(*sql.columns(kept, "events"), named(wanted, "wanted")).from_("begun").join(events, on=same)
    turns = sql.query([sql.STAR, named(nth, "nth")], sql.inner(near, "near"))
    number_of = over(exp.RowNumber(), question.unit, ["position"])
    return sql.query(
        [sql.STAR, named(number_of, "step")], sql.inner(turns, "turns"), said="the events that made a step"
    ).where(column("nth") <= column("wanted"))


def _has(question: Question, name: str) -> bool:
    return question.funnel.breakdown is not None if name == "breakdown_value" else name in question.log.columns


def _finished(question: Question) -> exp.Select:
    done = sql.query([*sql.columns(question.unit), named(column("position"), "finished")], "gathered",
                     said="where the last step was made")  # fmt: skip
    return done.where(column("step").eq(number(len(question.funnel.steps))))


def _removed(question: Question) -> exp.Select:
    """Who is never counted: an excluded event came within the window of the event before it, before the last step."""
    funnel = question.funnel
    latest = over(exp.Max(this=when(column("may_begin"), column("event_at"))), question.group, ["position"], sql.BEFORE)
    seen = sql.inner(sql.query([sql.STAR, named(latest, "since")], "starts"), "seen")
    out = either(*(column(f"out_{n}", "seen") for n, each in enumerate(funnel.exclude, 1) if each.then == "remove"))
    in_window = None
    if funnel.window is not None:
        in_window = column("event_at", "seen") <= column("since", "seen") + sql.duration(funnel.window)
    unfinished = either(
        sql.unknown(column("finished", "finished")),
        column("position", "seen") < column("finished", "finished"),
    )
    several = exp.true() if len(funnel.steps) > 1 else exp.false()
    built = sql.query(sql.columns(question.unit, "seen"), seen, said="who is never counted").join(
        exp.to_table("finished"), on=sql.equal(question.unit, "finished", "seen"), join_type="left"
    )
    return built.where(both(out, known(column("since", "seen")), in_window, unfinished, several)).distinct()


def _attempts(question: Question) -> exp.Select:
    funnel = question.funnel
    steps = range(1, len(funnel.steps) + 1)

    def at_step(name: str, step: int) -> Tree:
        made = when(column("step", "gathered").eq(number(step)), column(name, "gathered"))
        return named(exp.Max(this=made), f"{_KEPT[name]}_{step}")

    kept = [*dict.fromkeys(("customer_id", *question.unit, *question.carried))]
    furthest = exp.Max(this=column("step", "gathered"))
    could = exp.Max(this=column("any_could_go_on", "begun")).eq(number(1))
    others = [name for name in kept if name not in question.unit]
    chosen: list[Tree] = [named(exp.Min(this=column(name, "begun")), name) for name in others]
    chosen += [*sql.columns(question.unit, "begun"), named(furthest, "furthest")]
    is_open = both(furthest < number(len(funnel.steps)), could)
    chosen.append(named(is_open, "is_open"))
    chosen.append(named(when(is_open, exp.Max(this=column("open_since_at", "begun"))), "open_since_at"))
    if funnel.breakdown and not question.per_value:
        pick = furthest if funnel.breakdown.at == "last" else number(1)
        chosen.append(named(_value_at(question, pick), "breakdown_value"))
    chosen += [at_step("event_at", step) for step in steps]
    if "revenue_minor" in question.log.columns:
        chosen += [at_step("revenue_minor", step) for step in steps]
    built = sql.query(chosen, "begun", said=f"one row for each of the {funnel.count} counted").join(
        exp.to_table("gathered"), on=sql.equal(question.unit, "gathered", "begun")
    )
    if removes(funnel):
        built = built.join(
            exp.to_table("removed"), on=sql.equal(question.unit, "removed", "begun"), join_type="left"
        ).where(sql.unknown(column(question.unit[0], "removed")))
    return built.group_by(*sql.columns(question.unit, "begun"))


def _value_at(question: Question, pick: Tree) -> Tree:
    """The breakdown's value at the first step's event, or at the last's."""
    if question.funnel.breakdown and question.funnel.breakdown.at == "last":
        return exp.ArgMax(this=column("breakdown_value", "gathered"), expression=column("step", "gathered"))
    return exp.ArgMin(this=column("breakdown_value", "gathered"), expression=column("step", "gathered"))
