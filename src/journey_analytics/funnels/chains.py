"""Steps in order: how far each attempt gets, which attempt counts, and when it made its steps.

step_1 … step_n    forward: the latest first step from which an event can be step k, with every rule kept
reached            how far each one counted got, and whether they could still get further
onward_n … _1      backward: the next event of step k + 1 from which the furthest step can still be reached, and when
begun              the attempt that counts: of those that get furthest, the earliest
attempts           one row for each one counted, with the time of every step

The latest first step is enough to know how far anybody gets, because every limit (the window, a step's `within`, an
excluded event, a strict order) ends later for a later event, never earlier. The same holds with a tolerance, by which a
step may be made a little before the one it follows: what is before an event then reaches a little beyond it.
"""

from __future__ import annotations

from itertools import pairwise

from sqlglot import exp

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.marks import Question, flag, inside, source
from journey_analytics.funnels.sqltree import Tree, both, column, either, known, named, number, over, when

Part = tuple[str, exp.Query]


def parts(question: Question) -> list[Part]:
    """The statement's parts up to `begun`: one row for each one counted, with where its way goes on."""
    funnel = question.funnel
    found = source(question)
    found.append(("limited", _limited(question, found[-1][0])))
    required = [place + 1 for place in funnel.required]
    found.append(("step_1", sql.query([sql.STAR, named(when(column("is_start"), column("event_at")), "start_1"),
                                       *_positions(question)], "limited",
                                      said="an attempt begins")))  # fmt: skip
    for before, step in pairwise(required):
        found.append((f"step_{step}", _step(question, before, step)))
    if any(each.then == "remove" for each in funnel.exclude):
        found.append(("removed", _removed(question, required)))
    found.append(("reached", _reached(question, required)))
    for step, after in zip(reversed(required), [None, *reversed(required)], strict=False):
        found.append((f"onward_{step}", _onward(question, step, after)))
    found.append(("begun", _begun(question)))
    return found


def removes(funnel: Funnel) -> bool:
    """Whether an excluded event takes the whole of what is counted out."""
    return any(each.then == "remove" for each in funnel.exclude)


def _positions(question: Question) -> list[Tree]:
    return [named(when(column("is_start"), column("position")), "from_1")] if removes(question.funnel) else []


def limited_gaps(funnel: Funnel) -> list[int]:
    """The places (from 1) of required steps after which something other than time limits the way onward."""
    dropping = [funnel.covers(each) for each in funnel.exclude if each.then == "drop"]
    return [
        place + 1
        for place in funnel.required[:-1] if len(funnel.required) > 1
        if funnel.order == "strict" or any(first <= place < last for first, last in dropping)
    ] + ([funnel.required[-1] + 1] if _trailing_limit(funnel) else [])  # fmt: skip


def _trailing_limit(funnel: Funnel) -> bool:
    """Optional steps after the last required one keep a strict order too."""
    return funnel.order == "strict" and funnel.required[-1] + 1 < len(funnel.steps)


def _limited(question: Question, before: str) -> exp.Select:
    """Which first steps may begin an attempt, and up to which position each event's way onward is free."""
    funnel = question.funnel
    entered = both(flag(0), inside(funnel.entered))
    start = entered
    if funnel.attempt == "first":
        first = over(exp.Min(this=when(entered, column("position"))), question.unit)
        start = both(entered, column("position").eq(first))
    marks = [named(start, "is_start")]
    if funnel.count == "attempts":
        latest = over(exp.Max(this=column("attempt_number")), question.group)
        marks.append(named(column("attempt_number").eq(latest), "is_last_attempt"))
    marks += [named(_free_until(question, place), f"until_{place}") for place in limited_gaps(funnel)]
    return sql.query([sql.STAR, *marks], before, said="where attempts may begin, and what ends the way onward")


def _free_until(question: Question, place: int) -> Tree:
    """The last position at which the step after `place` may stand."""
    funnel = question.funnel
    bounds: list[Tree] = []
    if funnel.order == "strict":
        following = next((other for other in funnel.required if other >= place), len(funnel.steps))
        passing = [flag(other) for other in range(place, following)]
        stands = both(column("in_scope"), *(exp.Not(this=each) for each in passing))
        bounds.append(over(exp.Min(this=when(stands, column("position"))), question.base, ["position"], sql.AFTER))
    out = [
        column(f"out_{n}")
        for n, each in enumerate(funnel.exclude, 1)
        if each.then == "drop" and funnel.covers(each)[0] < place <= funnel.covers(each)[1]
    ]
    if out:
        excluded = over(exp.Min(this=when(either(*out), column("position"))), question.way, ["position"], sql.AFTER)
        bounds.append(excluded)
    free = [exp.Coalesce(this=bound, expressions=[number(sql.NEVER)]) for bound in bounds]
    return sql.least(free)


def _seen(question: Question, value: Tree, frame: str) -> Tree:
    """The largest value before an event, or the smallest after it; events at or near its instant as `ties` says."""
    function = exp.Max(this=value) if frame == "before" else exp.Min(this=value)
    rows: sql.Frame = sql.BEFORE if frame == "before" else sql.AFTER
    if question.funnel.tolerance is not None:
        slack = sql.duration(question.funnel.tolerance)
        rows = ("UNBOUNDED", "PRECEDING", slack, "FOLLOWING")
        if frame == "after":
            rows = (slack, "PRECEDING", "UNBOUNDED", "FOLLOWING")
        return over(function, question.way, ["event_at"], rows, kind="RANGE")
    if question.funnel.ties == "strictly_after":
        return over(function, question.way, ["instant"], rows, kind="RANGE")
    return over(function, question.way, ["position"], rows)


def _step(question: Question, before: int, step: int) -> exp.Select:
    """An event is step k when the latest event that is step k - 1 leads to it."""
    funnel = question.funnel
    within, limited = funnel.steps[step - 1].within, before in limited_gaps(funnel)
    start = column(f"start_{before}")
    prior = [named(_seen(question, start, "before"), f"prior_start_{step}")]
    kept = [known(column(f"prior_start_{step}"))]
    if funnel.window is not None:
        kept.append(column("event_at") <= column(f"prior_start_{step}") + sql.duration(funnel.window))
    if within is not None:
        prior.append(named(_seen(question, when(known(start), column("event_at")), "before"), f"prior_at_{step}"))
        kept.append(column("event_at") <= column(f"prior_at_{step}") + sql.duration(within))
    if limited:
        until = when(known(start), column(f"until_{before}"))
        prior.append(named(_seen(question, until, "before"), f"prior_until_{step}"))
        kept.append(column("position") <= column(f"prior_until_{step}"))
    goes_on = both(flag(step - 1), *kept)
    marks = [named(when(goes_on, column(f"prior_start_{step}")), f"start_{step}")]
    if removes(funnel):
        prior.append(named(_seen(question, column(f"from_{before}"), "before"), f"prior_from_{step}"))
        marks.append(named(when(goes_on, column(f"prior_from_{step}")), f"from_{step}"))
    seen = sql.inner(sql.query([sql.STAR, *prior], f"step_{before}"), "seen")
    return sql.query([sql.STAR, *marks], seen, said=f"step {step}: {_said(funnel.titles[step - 1])}")


def _said(title: str) -> str:
    """A step's name as a remark, nothing in it able to end the remark."""
    return "".join(letter if letter.isalnum() or letter in " _-." else " " for letter in title)


def _removed(question: Question, required: list[int]) -> exp.Select:
    """Who is never counted: an excluded event found their latest attempt between the two steps."""
    funnel = question.funnel
    last = f"step_{required[-1]}"
    finished = over(exp.Min(this=when(known(column(f"start_{required[-1]}")), column("position"))), question.unit)
    marks, found = [named(finished, "finished")], []
    for n, each in enumerate(funnel.exclude, 1):
        if each.then != "remove":
            continue
        first, end = (place + 1 for place in funnel.covers(each))

        def latest(name: str) -> Tree:
            return over(exp.Max(this=column(name)), question.way, ["position"], sql.BEFORE)

        marks += [named(latest(f"from_{first}"), f"under_way_{n}"), named(latest(f"start_{first}"), f"since_{n}"),
                  named(latest(f"from_{end}"), f"past_{n}")]  # fmt: skip
        in_window = None
        if funnel.window is not None:
            in_window = column("event_at") <= column(f"since_{n}") + sql.duration(funnel.window)
        found.append(both(
            column(f"out_{n}"), known(column(f"under_way_{n}")), in_window,
            either(sql.unknown(column(f"past_{n}")), column(f"past_{n}") < column(f"under_way_{n}")),
            either(sql.unknown(column("finished")), column("position") < column("finished")),
        ))  # fmt: skip
    seen = sql.inner(sql.query([sql.STAR, *marks], last), "seen")
    return sql.query(sql.columns(question.unit), seen, said="who is never counted").where(either(*found)).distinct()


def _reached(question: Question, required: list[int]) -> exp.Select:
    """Events that are a step of some attempt, with how far the one counted got and whether it may get further."""
    funnel = question.funnel
    level = exp.Case()
    for step in reversed(required):
        level = level.when(known(column(f"start_{step}")), number(step))
    alive = [_alive(question, step, after) for step, after in pairwise(required)]
    last_attempt = column("is_last_attempt") if funnel.count == "attempts" else None
    could = both(either(*alive), last_attempt) if alive and not funnel.is_over else exp.false()
    marks = [
        named(over(exp.Max(this=level), question.unit), "furthest"),
        named(over(exp.Max(this=when(could, number(1), number(0))), question.unit), "could_go_on"),
        named(over(exp.Max(this=when(could, _latest_alive(alive, required))), question.unit), "open_since_at"),
    ]
    steps = sql.query([sql.STAR, *marks], f"step_{required[-1]}", said="how far each one counted got")
    return steps.where(either(*(known(column(f"start_{step}")) for step in required)))


def _latest_alive(alive: list[Tree], required: list[int]) -> Tree:
    """The first step of the latest attempt that may go on; the lowest step that does belongs to it."""
    if not alive:
        return exp.cast(exp.null(), "timestamp")
    begun = exp.Case()
    for goes_on, step in zip(alive, required, strict=False):
        begun = begun.when(goes_on, column(f"start_{step}"))
    return begun


def _alive(question: Question, step: int, after: int) -> Tree:
    """Whether an attempt that stands at a step may still make the next one after as_of."""
    funnel = question.funnel
    start, kept = column(f"start_{step}"), [known(column(f"start_{step}"))]
    if funnel.as_of is not None:
        now = sql.moment(funnel.as_of)
        if funnel.window is not None:
            kept.append(start + sql.duration(funnel.window) >= now)
        within = funnel.steps[after - 1].within
        if within is not None:
            kept.append(column("event_at") + sql.duration(within) >= now)
    if step in limited_gaps(funnel):
        kept.append(column(f"until_{step}").eq(number(sql.NEVER)))
    return both(*kept)


def _onward(question: Question, step: int, after: int | None) -> exp.Select:
    """From an event of step k: the next event of step k + 1 that leads to the furthest step, and when that is made."""
    funnel = question.funnel
    here = both(known(column(f"start_{step}")), column("furthest").eq(number(step)))
    if after is None:
        return sql.query([sql.STAR, named(when(here, column("event_at")), f"arrival_{step}")], "reached",
                         said="the last step")  # fmt: skip
    arrival, within = column(f"arrival_{after}"), funnel.steps[after - 1].within
    ahead = [
        named(_seen(question, when(known(arrival), column("position")), "after"), f"ahead_{step}"),
        named(_seen(question, arrival, "after"), f"ahead_arrival_{step}"),
    ]
    kept = [known(column(f"start_{step}")), column("furthest") > number(step), known(column(f"ahead_{step}"))]
    if within is not None:
        ahead.append(named(_seen(question, when(known(arrival), column("event_at")), "after"), f"ahead_at_{step}"))
        kept.append(column(f"ahead_at_{step}") <= column("event_at") + sql.duration(within))
    if step in limited_gaps(funnel):
        kept.append(column(f"ahead_{step}") <= column(f"until_{step}"))
    seen = sql.inner(sql.query([sql.STAR, *ahead], f"onward_{after}"), "seen")
    leads = both(*kept)
    onward: Tree = column(f"ahead_arrival_{step}")
    if funnel.tolerance is not None:  # a later step may be made a little earlier; the window holds for the latest
        onward = sql.greatest([onward, column("event_at")])
    arrives = exp.Case().when(here, column("event_at")).when(leads, onward)
    marks = [named(arrives, f"arrival_{step}"), named(when(leads, column(f"ahead_{step}")), f"next_{step}")]
    return sql.query([sql.STAR, *marks], seen, said=f"step {step}, and where it leads")


def _begun(question: Question) -> exp.Select:
    """The attempt that counts: of those that get furthest, the earliest."""
    funnel = question.funnel
    turn = named(over(exp.RowNumber(), question.unit, ["position"]), "turn")
    in_time = None
    if funnel.window is not None:
        in_time = column("arrival_1") <= column("event_at") + sql.duration(funnel.window)
    ways = sql.query([sql.STAR, turn], "onward_1").where(both(known(column("arrival_1")), in_time))
    counted = sql.query([sql.STAR], sql.inner(ways, "ways"), said="the attempt that counts").where(
        column("turn").eq(number(1))
    )
    if removes(funnel):
        counted = sql.query([exp.Column(this=exp.Star(), table=exp.to_identifier("ways"))], sql.inner(ways, "ways"),
                            said="the attempt that counts").join(
            exp.to_table("removed"), on=sql.equal(question.unit, "removed", "ways"), join_type="left"
        ).where(both(column("turn").eq(number(1)), sql.unknown(column(question.unit[0], "removed"))))  # fmt: skip
    return counted
