"""The funnels of journey.yml, counted at night: `marts.funnel_steps`, and the tables beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import comparing, inputs, instead, planner, shares, times, weeks
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.planner import Answer
from journey_analytics.funnels.summary import EVERYONE
from journey_analytics.warehouse import Warehouse

TABLE = "marts.funnel_steps"
READS = frozenset({"journeys.events", "journeys.touches", "journeys.journey_segments"})
MEANING = (
    "One row per funnel of the journey map, segment, breakdown value and step. The rules by which each funnel is "
    "counted stand in rules.funnels."
)
COLUMNS: Mapping[str, str] = shares.MEANINGS
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(COLUMNS, "double"), **dict.fromkeys(("funnel", "segment", "breakdown_value", "step"), "varchar"),
    **dict.fromkeys(("step_number", "n", "n_open", "n_lost", "revenue_minor"), "bigint"),
}  # fmt: skip
_MEMBERS = "funnel_members"


TABLES = (times, weeks, instead, comparing)
"""What else is asked of every funnel: a table each."""


def build(warehouse: Warehouse, funnels: Sequence[Funnel]) -> None:
    """Build `marts.funnel_steps` and the tables beside it from journeys.events; without a funnel they are empty."""
    for table, types in ((TABLE, _TYPES), *((each.TABLE, each.TYPES) for each in TABLES)):
        columns = ", ".join(f"{name} {kind}" for name, kind in types.items())
        warehouse.execute(f"create or replace table {table} ({columns})")
    if not funnels:
        return
    opened = inputs.published(warehouse)
    as_of = inputs.as_of_published(warehouse)
    log = replace(opened.log, made={**opened.log.made, "touch_id": "source || ':' || event_id"})
    warehouse.execute(
        f"create or replace temp view {_MEMBERS} as select touches.touch_id, segments.segment "
        "from journeys.touches as touches inner join journeys.journey_segments as segments "
        f"on segments.journey_id = touches.journey_id where segments.segment <> '{EVERYONE}'"
    )
    for funnel in funnels:
        settled = funnel if funnel.as_of else funnel.model_copy(update={"as_of": as_of})
        mine = inputs.with_journeys(log, settled, warehouse)
        answer = planner.answer(settled, mine, warehouse, segments=_MEMBERS)
        warehouse.append(TABLE, [{name: _published(name, row[name]) for name in COLUMNS} for row in answer.rows])
        _beside(warehouse, answer, mine)
    warehouse.execute(f"drop view {_MEMBERS}")


def _beside(warehouse: Warehouse, answer: Answer, log: Log) -> None:
    """The rows of `TABLES`: the attempts are found once for all that are asked of them."""
    funnel = answer.funnel
    with planner.attempts(funnel, log, warehouse) as kept:
        warehouse.append(times.TABLE, list(times.rows(kept)))
        warehouse.append(weeks.TABLE, list(weeks.rows(kept)))
        for step in instead.steps(funnel):
            warehouse.append(instead.TABLE, list(instead.rows(kept, step)))
    if funnel.breakdown is not None:
        warehouse.append(comparing.TABLE, list(comparing.of_groups(funnel, answer.rows)))
    warehouse.append(comparing.TABLE, list(comparing.of_segments(funnel, answer.rows)))
    if funnel.window is not None:
        warehouse.append(comparing.TABLE, list(comparing.with_previous(funnel, log, warehouse)))


def _published(name: str, value: Any) -> Any:
    """Times to the millisecond: beyond that, the ways of counting differ by how a computer rounds."""
    return round(value, 3) if "_seconds_" in name and value is not None else value
