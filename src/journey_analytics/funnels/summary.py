"""From one row for each one counted to the rows of the answer: counts, times, revenue, per step and group.

grouped   every attempt as one of all, and as one of its group
steps     one row for each one counted and each step it could have made
placed    the same with the place of its time among all times of the step, for medians
per_one   where a customer can be counted more than once: each customer's own counts, for intervals that know it
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.chains import Part
from journey_analytics.funnels.marks import NONE, Question
from journey_analytics.funnels.sqltree import Tree, both, column, known, named, number, over, when

OTHER = "other"
"""How a breakdown calls the values beyond the `top` ones."""

GROUP = ("segment", "breakdown_value")
"""What the rows are told apart by besides the step; NULL in breakdown_value is everyone."""

EVERYONE = "all"


def parts(question: Question, *, segments: str | None = None) -> list[Part]:
    """The parts after `attempts`, and `answer`, whose rows are one per group and step.

    `segments` names a relation (the carried column, segment) of the segments that the first step's event is in;
    everyone is in 'all' besides.
    """
    found = groups(question, segments=segments)
    found.append(("steps", _steps(question)))
    found.append(("placed", _placed()))
    if question.funnel.count != "customers":
        found += [("per_one", _per_one()), ("clusters", _clusters())]
    return [*found, ("answer", _answer(question))]


def groups(question: Question, *, segments: str | None = None) -> list[Part]:
    """The parts after `attempts` up to `grouped`."""
    found: list[Part] = []
    if question.funnel.breakdown:
        found += [("sizes", _sizes(question)), ("labelled", _labelled(question))]
    return [*found, ("grouped", _grouped(question, segments))]


def _sizes(question: Question) -> exp.Select:
    """Groups by their size; those without a value are no competitor."""
    turn = over(exp.RowNumber(), (), [exp.Neg(this=column("n")), "breakdown_value"])
    count = sql.query([column("breakdown_value"), named(exp.Count(this=sql.STAR), "n")], "attempts")
    count = count.where(column("breakdown_value").neq(sql.text(NONE))).group_by(column("breakdown_value"))
    return sql.query(
        [column("breakdown_value"), named(turn, "turn")], sql.inner(count, "counted"), said="the largest groups first"
    )


def _labelled(question: Question) -> exp.Select:
    assert question.funnel.breakdown is not None
    value = column("breakdown_value", "attempts")
    shown = exp.or_(
        column("turn", "sizes") <= number(question.funnel.breakdown.top), value.eq(sql.text(NONE)), wrap=False
    )
    label = when(shown, value, sql.text(OTHER))
    every = exp.Column(this=exp.Star(), table=exp.to_identifier("attempts"))
    return sql.query([every, named(label, "label")], "attempts", said="what each group is called").join(
        exp.to_table("sizes"), on=column("breakdown_value", "sizes").eq(value), join_type="left"
    )


def _attempt(question: Question) -> list[str]:
    places = range(1, len(question.funnel.steps) + 1)
    revenue = [f"revenue_{place}" for place in places] if "revenue_minor" in question.log.columns else []
    return ["customer_id", "furthest", "is_open", "open_since_at", *(f"at_{place}" for place in places), *revenue]


def _grouped(question: Question, segments: str | None) -> exp.Query:
    """Every attempt once for everyone and once for its group, and so in each of its segments."""
    kept = _attempt(question)
    table = "labelled" if question.funnel.breakdown else "attempts"
    groups: list[Tree] = [] if question.per_value else [exp.cast(exp.null(), "varchar")]
    if question.funnel.breakdown:
        groups.append(column("label", table))
    united: exp.Query | None = None
    for source in (None, segments) if segments else (None,):
        for value in groups:
            segment = column("segment", "members") if source else sql.text(EVERYONE)
            selected = [named(segment, "segment"), named(value, "breakdown_value"), *sql.columns(kept, table)]
            rows = sql.query(selected, table, said="" if united else "everyone, segment by segment, group by group")
            if source:
                key = question.carried[0]
                rows = rows.join(sql.table(source, "members"), on=column(key, "members").eq(column(key, table)))
            united = rows if united is None else exp.union(united, rows, distinct=False, copy=False)
    assert united is not None
    return united


def _steps(question: Question) -> exp.Query:
    """One row for each one counted and each step."""
    funnel = question.funnel
    united: exp.Query | None = None
    for place, title in enumerate(funnel.labels, 1):
        previous = funnel.previous(place - 1)
        at, first = column(f"at_{place}"), column("at_1")
        before = column(f"at_{previous + 1}") if previous is not None else None
        reached = when(known(at), number(1), number(0))
        following = next((other + 1 for other in funnel.required if other + 1 > place), None)
        stays = both(known(at), column("is_open"), column("furthest").eq(number(place))) if following else exp.false()
        if funnel.steps[place - 1].optional:
            stays = exp.false()
        seconds = _seconds(before, at) if before is not None else exp.cast(exp.null(), "double")
        revenue: Tree = exp.cast(exp.null(), "bigint")
        if "revenue_minor" in question.log.columns:
            revenue = column(f"revenue_{place}")
        selected = [
            *sql.columns(GROUP), column("customer_id"), named(number(place), "step_number"),
            named(sql.text(title), "step"), named(reached, "reached"),
            named(when(known(first), number(1), number(0)), "began"),
            named(when(known(before), number(1), number(0)) if before is not None else number(1), "came"),
            named(when(stays, number(1), number(0)), "stays"),
            named(seconds, "from_previous"),
            named(_seconds(first, at) if place > 1 else exp.cast(exp.null(), "double"), "from_first"),
            named(revenue, "revenue_minor"),
        ]  # fmt: skip
        rows = sql.query(selected, "grouped")
        united = rows if united is None else exp.union(united, rows, distinct=False, copy=False)
    assert united is not None
    return united


def _seconds(since: Tree, until: Tree) -> Tree:
    """The time between two instants in seconds, exact to the microsecond; NULL where either is."""
    micros = exp.DateDiff(this=until, expression=since, unit=exp.var("MICROSECOND"))
    return exp.cast(micros, "double") / number(1_000_000)


def _placed() -> exp.Select:
    """Where each time stands among those of its step, and how many there are."""
    marks: list[Tree] = []
    for name in ("from_previous", "from_first"):
        group = (*GROUP, "step_number")
        marks.append(named(over(exp.RowNumber(), group, [name]), f"place_{name}"))
        marks.append(named(over(exp.Count(this=column(name)), group), f"n_{name}"))
    return sql.query([sql.STAR, *marks], "steps", said="times in order, for medians")


def _mean(name: str) -> Tree:
    """The mean of seconds, of whole microseconds: these add up to the same in any order."""
    return exp.Avg(this=exp.cast(exp.Round(this=column(name) * number(1_000_000)), "bigint")) / number(1_000_000)


def _quantile(name: str, share: float) -> Tree:
    """The value at a share of the way through the sorted times, between two neighbours in proportion.

    Each time weighs 1 less its distance from the wanted place, or nothing: only the two neighbours weigh.
    """
    wanted = (column(f"n_{name}") - number(1)) * number(share)
    distance = exp.Abs(this=column(f"place_{name}") - number(1) - exp.Paren(this=wanted))
    weight = when(distance < number(1), number(1) - distance, number(0))
    weighed = when(known(column(name)), column(name) * exp.Paren(this=weight))
    return exp.Sum(this=weighed)


def _per_one() -> exp.Select:
    keys = (*GROUP, "step_number", "customer_id")
    sums = [named(exp.Sum(this=column(name)), name) for name in ("reached", "began", "came")]
    return sql.query([*sql.columns(keys), *sums], "steps", said="how often each customer was counted").group_by(
        *sql.columns(keys)
    )


CLUSTERS = ("n_customers", "n_came", "reached_reached", "reached_began", "began_began", "reached_came", "came_came")


def _clusters() -> exp.Select:
    keys = (*GROUP, "step_number")
    squares = [("reached", "reached"), ("reached", "began"), ("began", "began"), ("reached", "came"), ("came", "came")]
    sums = [named(exp.Sum(this=column(one) * column(two)), f"{one}_{two}") for one, two in squares]
    counted = [
        named(exp.Count(this=sql.STAR), "n_customers"), named(sql.counted(column("came") > number(0)), "n_came")
    ]  # fmt: skip
    return sql.query(
        [*sql.columns(keys), *counted, *sums], "per_one", said="sums over customers, for intervals"
    ).group_by(*sql.columns(keys))


def _answer(question: Question) -> exp.Select:
    keys = (*GROUP, "step_number")
    summed = [
        ("n", exp.Sum(this=column("reached", "placed"))), ("n_first", exp.Sum(this=column("began", "placed"))),
        ("n_previous", exp.Sum(this=column("came", "placed"))), ("n_open", exp.Sum(this=column("stays", "placed"))),
    ]  # fmt: skip
    selected: list[Tree] = [*sql.columns(GROUP, "placed"), column("step_number", "placed")]
    selected += [named(exp.Min(this=column("step", "placed")), "step")]
    selected += [named(exp.cast(value, "bigint"), name) for name, value in summed]
    for short, name in (("previous", "from_previous"), ("first", "from_first")):
        selected += [
            named(_quantile(name, 0.5), f"median_seconds_from_{short}"),
            named(_mean(name), f"mean_seconds_from_{short}"),
            named(_quantile(name, 0.9), f"p90_seconds_from_{short}"),
        ]
    selected.append(named(exp.cast(exp.Sum(this=column("revenue_minor")), "bigint"), "revenue_minor"))
    built = sql.query([], "placed", said="the answer, before its intervals")
    if question.funnel.count != "customers":
        selected += [named(exp.Max(this=column(name, "clusters")), name) for name in CLUSTERS]
        same: Sequence[Tree] = [
            exp.NullSafeEQ(this=column(name, "clusters"), expression=column(name, "placed")) for name in keys
        ]
        built = built.join(exp.to_table("clusters"), on=both(*same))
    return built.select(*selected, append=False).group_by(*sql.columns(keys, "placed"))
