"""The result object: everything the report says, as one plain mapping that is also written as report.json.

It is assembled from the tables alone. There is no clock and no randomness in it, floats carry twelve significant
digits, money stays in minor units with its currency, and every list has a total order: the same tables give the same
bytes.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey_analytics import formats
from journey_analytics.claims import findings
from journey_analytics.report import declared, kpis, quality, sections, verdict
from journey_analytics.report.queries import QUERIES, Tables, ask, pick

Row = dict[str, Any]

SIGNIFICANT_DIGITS = 12
DEFAULT_MIN_CELL = 10


@dataclass(frozen=True)
class RunFacts:
    """What the tables cannot say about a run.

    `as_of` is the exclusive end of the data, in UTC. `previous` is the result object of the last successful run with
    another run id, or None on the first one.
    """

    run_id: str
    map_hash: str
    code_version: str
    schema_version: int
    as_of: datetime.datetime
    previous: Mapping[str, Any] | None = None


def assemble(tables: Tables, facts: RunFacts) -> Row:
    """The result object of one night.

    Parameters
    ----------
    tables : anything with `rows(sql)` over the schemas rules, ops, journeys and marts
    facts : the run's identity, and the previous result to compare with

    Returns
    -------
    a mapping of JSON types only, ready for `to_json` and for `page.write_report`
    """
    settings = {row["name"]: row["value"] for row in ask(tables, "settings")}
    min_cell = int(float(settings.get("min_cell") or DEFAULT_MIN_CELL))
    last_day = (facts.as_of - datetime.timedelta(microseconds=1)).date()
    data = quality.data(tables, last_day, min_cell)
    weekly = sections.weekly(tables)
    found = verdict.rows(tables, weekly | sections.promise_weeks(tables, min_cell))
    if not data["is_fit"]:
        found = verdict.frozen(found, facts.previous)
    elif data["unfit_feeds"]:
        found = verdict.held(found, facts.previous)
    identity = {
        "run_id": facts.run_id,
        "map_hash": facts.map_hash,
        "code_version": facts.code_version,
        "as_of": facts.as_of.isoformat(),
    }
    result: Row = {
        "schema_version": facts.schema_version,
        "shop": settings.get("shop") or "Shop",
        "currency": settings.get("shop_currency") or settings.get("currency"),
        "complete_through": last_day,
        "judged": {"days": _days(settings.get("judged_days")), "rule": findings.RULE},
        "min_cell": min_cell,
        "data": data,
        "findings": found,
        "changes": verdict.changes(found, identity, facts.previous, is_fit=data["is_fit"]),
        "calendar": ask(tables, "calendar"),
    } | identity
    result |= _journey(tables, found, weekly, settings, min_cell)
    n_customers = max((int(row["n_customers"] or 0) for row in [*result["stages"], *result["touchpoints"]]), default=0)
    result["verdict"] = verdict.verdict(found, data, n_customers)
    result["method"] = _method(settings, facts)
    tidied: Row = tidy(result)
    return tidied


def _journey(
    tables: Tables,
    found: Sequence[Row],
    weekly: Mapping[tuple[str, str], list[Row]],
    settings: Mapping[str, str],
    min_cell: int,
) -> Row:
    stages = sections.stages(tables)
    points = sections.touchpoints(tables, found)
    names = {("stage", row["stage"]): row["name"] or formats.words(row["stage"]) for row in stages}
    names |= {("touchpoint", row["touchpoint"]): row["name"] for row in points}
    satisfaction = sections.satisfaction(tables, names)
    promises = sections.promises(tables, found, min_cell)
    recoveries = sections.recoveries(tables, found, {row["touchpoint"]: row["stage"] for row in points}, min_cell)
    trend = sections.trend(tables)
    return {
        "kpis": kpis.kpis(tables, trend, satisfaction, promises, weekly),
        "stages": stages,
        "journey_map": journey_map(stages, points, satisfaction, promises, recoveries, found),
        "funnel": {
            "conversion_stage_position": _days(settings.get("conversion_stage_position")),
            "time_to_progress": sections.time_to_progress(tables),
        },
        "funnels": declared.funnels(tables, min_cell),
        "touchpoints": points,
        "satisfaction": satisfaction,
        "promises": promises,
        "recoveries": recoveries,
        "flows": sections.flows(tables, min_cell),
        "coverage": sections.coverage(tables),
        "trend": trend,
        "segments": sections.segments(tables, found, min_cell),
    }


def journey_map(
    stages: Sequence[Row],
    points: Sequence[Row],
    satisfaction: Sequence[Row],
    promises: Sequence[Row],
    recoveries: Sequence[Row],
    found: Sequence[Row],
) -> Row:
    """The map's lanes: per stage its emotion, and the touchpoints, promises, recoveries and findings in it."""
    shown = {
        "touchpoints": (points, "touchpoint name channel status n_customers"),
        "promises": (promises, "promise name status kept_share n_due n_kept target"),
        "recoveries": (recoveries, "recovery name touchpoint status met_share n_due n_met target missing_for"),
    }
    stands_in = {row["finding_id"]: _stage_of(row, points, recoveries) for row in verdict.open_now(found)}
    lanes = []
    for stage in stages:
        key = stage["stage"]
        lane: Row = {"stage": key, "emotion": sections.emotion(satisfaction, key)}
        for name, (rows, facts) in shown.items():
            lane[name] = [pick(row, facts.split()) for row in rows if row["stage"] == key]
        owners = [stage["owner"], *(point["owner"] for point in points if point["stage"] == key)]
        lane["owners"] = list(dict.fromkeys(owner for owner in owners if owner))
        lane["findings"] = [finding for finding, stands in stands_in.items() if stands == key]
        lanes.append(lane)
    return {"lanes": lanes}


def _stage_of(finding: Row, points: Sequence[Row], recoveries: Sequence[Row]) -> str | None:
    if finding["stage"]:
        return str(finding["stage"])
    stage_of = {row["touchpoint"]: row["stage"] for row in points}
    stages = [row["stage"] for row in recoveries if sections.about(finding, row["recovery"])]
    return stage_of.get(finding["touchpoint"]) or next(iter(stages), None)


def _method(settings: Mapping[str, str], facts: RunFacts) -> Row:
    return {
        "settings": dict(settings),
        "queries": dict(QUERIES),
        "versions": {"code": facts.code_version, "schema": facts.schema_version, "map": facts.map_hash},
        "measures": {key: {"label": said.label, "of": said.of} for key, said in verdict.MEASURES.items()},
    }


def _days(value: str | None) -> float | None:
    try:
        days = float(value or "")
    except ValueError:
        return None
    return int(days) if days == int(days) else days


def tidy(value: Any) -> Any:
    """The same value in JSON types: dates as ISO text, floats of twelve digits, what is not a number as None."""
    if isinstance(value, Mapping):
        return {str(key): tidy(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return tidy(float(value)) if value % 1 else int(value)
    if isinstance(value, float):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if math.isfinite(value) else None
    return value


def to_json(result: Mapping[str, Any]) -> str:
    """report.json as text: the same result gives the same bytes."""
    return json.dumps(result, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
