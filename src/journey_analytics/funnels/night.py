"""The funnels of journey.yml, counted at night: `marts.funnel_steps`, for everyone and for every segment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import inputs, planner, shares
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


def build(warehouse: Warehouse, funnels: Sequence[Funnel]) -> None:
    """Build `marts.funnel_steps` from journeys.events; without a funnel on the map it is empty."""
    columns = ", ".join(f"{name} {_TYPES[name]}" for name in COLUMNS)
    warehouse.execute(f"create or replace table {TABLE} ({columns})")
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
        answer = planner.answer(settled, inputs.with_journeys(log, settled, warehouse), warehouse, segments=_MEMBERS)
        warehouse.append(TABLE, [{name: _published(name, row[name]) for name in COLUMNS} for row in answer.rows])
    warehouse.execute(f"drop view {_MEMBERS}")


def _published(name: str, value: Any) -> Any:
    """Times to the millisecond: beyond that, the ways of counting differ by how a computer rounds."""
    return round(value, 3) if "_seconds_" in name and value is not None else value
