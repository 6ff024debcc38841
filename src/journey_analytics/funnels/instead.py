"""What those did who were lost at a step: their next touch after the last step that they made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from journey_analytics.errors import ConfigError
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import evidence, marks
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.compiler import written
from journey_analytics.funnels.kept import Kept, as_of

Row = dict[str, Any]

TABLE = "marts.funnel_instead"
MEANING = (
    "One row per funnel of the journey map, required step after the first, and what those lost before it did next: "
    "their first touch within the funnel's `instead` time after the last step they made, that step made again left "
    "out. Those still open are not lost."
)
COLUMNS = {
    "funnel": "The funnel's name",
    "step_number": "The place of the step before which they were lost, from 2",
    "step": "Its name",
    "rank": "The row's place: touches by how many did them, then other, nothing, too early",
    "kind": "touchpoint; event, where the touch is at no touchpoint; other; nothing; or too early: no touch yet, and "
    "the time is not over",
    "touch": "The touchpoint or the event's name; else as kind says",
    "within_seconds": "How long after the last step made a touch may come to be the next",
    "n": "How many did this next: customers, sessions, journeys or attempts, as the funnel counts",
    "n_lost": "How many were lost before the step; the rows of a step sum to it",
    "share": "n over n_lost (0..1)",
    "low": "Lower 95 % bound of share: Wilson; clustered by customer where a customer counts more than once",
    "high": "Upper 95 % bound of share",
}
TYPES = dict(
    zip(COLUMNS, "varchar integer varchar integer varchar varchar double bigint bigint".split() + ["double"] * 3,
        strict=True)
)  # fmt: skip
SHOWN = 8
"""How many touches have a row of their own."""
LAST = ("other", "nothing", "too early")
_FOUND = "funnel_next_touches"


def steps(funnel: Funnel) -> tuple[int, ...]:
    """The numbers of the steps before which somebody can be lost."""
    return tuple(place + 1 for place in funnel.required[1:])


def rows(kept: Kept, step: int, within: float | None = None) -> Iterator[Row]:
    """One row per next touch of those lost before a step, the most frequent first; none where nobody was lost.

    Parameters
    ----------
    step : the step's number, from 2
    within : seconds after the last step they made; None is what the funnel says

    Raises
    ------
    ConfigError : nobody can be lost before this step
    """
    funnel = kept.question.funnel
    if step not in steps(funnel):
        raise ConfigError(
            f"nobody can be lost before step {step}",
            allowed=", ".join(f"{number} ({funnel.labels[number - 1]})" for number in steps(funnel)) or "no step",
        )
    seconds = within or funnel.instead
    kept.warehouse.execute(f"create or replace temp table {_FOUND} as {_next_touches(kept, step, seconds)}")
    named = kept.warehouse.rows(
        f"select rank, min(kind) as kind, min(touch) as touch from {_FOUND} group by rank order by rank"
    )
    clusters = "" if funnel.count == "customers" else ", dense_rank() over (order by customer_id) - 1 as whose"
    found = kept.warehouse.arrays(f"select rank{clusters} from {_FOUND}")
    for place, row in enumerate(named, 1):
        share = evidence.share(found["rank"] == row["rank"], found.get("whose"))
        values = (
            funnel.funnel, step, funnel.labels[step - 1], place, row["kind"], row["touch"], seconds,
            share.good, share.n, share.share, share.low, share.high,
        )  # fmt: skip
        yield dict(zip(COLUMNS, values, strict=True))
    kept.warehouse.execute(f"drop table {_FOUND}")


def _next_touches(kept: Kept, step: int, seconds: float) -> str:
    """One row for each one lost: whose, and what they did next, the touches beyond the most frequent as one."""
    funnel, log = kept.question.funnel, kept.question.log
    previous = (funnel.previous(step - 1) or 0) + 1
    made = [f"coalesce(at_{place}, at_{previous})" for place in range(previous, step)]
    limit = written(sql.duration(seconds))
    is_touchpoint = "touchpoint is not null" if log.has("touchpoint") else "false"
    touch = "coalesce(touchpoint, event_name)" if log.has("touchpoint") else "event_name"
    order = ", ".join(f"touches.{quoted(name)}" for name in log.order)
    known = [f"event_at < {as_of(kept.question)}", *([f"not ({log.left_out})"] if log.left_out else [])]
    if funnel.order != "any":
        known.append(f"not coalesce({written(marks.makes(kept.question, funnel.steps[previous - 1]))}, false)")
    return f"""
        with lost as (
            select row_number() over () as lost_number, customer_id, greatest({", ".join(made)}) as left_at
            from {kept.table} where at_{previous} is not null and at_{step} is null and not is_open
        ),
        touches as (
            select customer_id, event_at, {touch} as touch, {is_touchpoint} as is_touchpoint,
                {", ".join(map(quoted, log.order))}
            from {log.table} where {" and ".join(known)}
        ),
        nearest as (
            select lost.lost_number, touches.touch,
                case when touches.is_touchpoint then 'touchpoint' else 'event' end as kind,
                row_number() over (partition by lost.lost_number order by touches.event_at, {order}) as turn
            from lost inner join touches on touches.customer_id = lost.customer_id
                and touches.event_at > lost.left_at and touches.event_at <= lost.left_at + {limit}
        ),
        next as (select lost_number, touch, kind from nearest where turn = 1 and touch is not null),
        sizes as (
            select kind, touch, row_number() over (order by count(*) desc, touch, kind) as rank
            from next group by kind, touch
        ),
        told as (
            select lost.customer_id, case
                when next.kind is null and lost.left_at + {limit} >= {as_of(kept.question)} then 'too early'
                when next.kind is null then 'nothing' when sizes.rank > {SHOWN} then 'other' end as beyond,
                sizes.rank, next.kind, next.touch
            from lost left join next on next.lost_number = lost.lost_number
                left join sizes on sizes.kind = next.kind and sizes.touch = next.touch
        )
        select customer_id, coalesce(beyond, kind) as kind, coalesce(beyond, touch) as touch,
            case when beyond is null then rank else {SHOWN} + list_position({list(LAST)}, beyond) end as rank
        from told"""
