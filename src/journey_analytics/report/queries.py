"""The SELECTs behind the report: each section prints the one its numbers come from, and an analyst can paste it.

Nothing is computed here that a mart does not already say; where a total is shown, it is a plain sum of a mart's counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Tables(Protocol):
    """Anything that answers SELECTs with rows: the warehouse at night, a published file, a test's own tables."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of one SELECT, as mappings from column to value, in the order of its ORDER BY."""
        ...


QUERIES: Mapping[str, str] = {
    # what the map says
    "settings": "select name, value from rules.settings order by name",
    "map_stages": "select * from rules.stages order by position, stage",
    "map_touchpoints": "select * from rules.touchpoints order by position, touchpoint",
    "map_promises": "select * from rules.promises order by position, promise",
    "map_recoveries": "select * from rules.recoveries order by position, recovery",
    "map_segments": "select * from rules.segments order by position, segment",
    "calendar": "select event_on, until_on, kind, name, touches from rules.calendar order by event_on, kind, name",
    # what the marts say
    "stages": "select * from marts.stage_metrics where segment = 'all' order by stage_position, stage",
    "stage_segments": (
        "select * from marts.stage_metrics where segment <> 'all'\norder by segment, stage_position, stage"
    ),
    "touchpoints": "select * from marts.touchpoint_metrics where segment = 'all' order by touchpoint",
    "touchpoint_segments": (
        "select segment, touchpoint, n_customers, n_matured, n_progressed, progressed_share_of_matured,\n"
        "       progressed_low, progressed_high\n"
        "from marts.touchpoint_metrics\nwhere segment <> 'all'\norder by segment, touchpoint"
    ),
    "weekly": (
        "select touchpoint, kpi, date_trunc('week', cohort_on)::date as week_on,\n"
        "       sum(n_matured)::bigint as n, sum(n_good)::bigint as n_good\n"
        "from marts.touchpoint_daily\ngroup by all\norder by touchpoint, kpi, week_on"
    ),
    "findings": "select * from marts.findings order by rank nulls last, finding_id",
    "satisfaction": "select * from marts.satisfaction order by scope, id, metric",
    "funnels": "select * from rules.funnels order by position",
    "funnel_steps": (
        "select * from marts.funnel_steps\n"
        "order by funnel, segment <> 'all', segment, breakdown_value nulls first, step_number"
    ),
    "funnel_comparisons": (
        "select * from marts.funnel_comparisons\norder by funnel, compared, these, those, step_number"
    ),
    "funnel_instead": "select * from marts.funnel_instead order by funnel, step_number, rank",
    "promises": "select * from marts.promise_metrics order by promise, by_value",
    "promise_weeks": "select * from marts.promises order by promise, by_value, week_on",
    "recoveries": "select * from marts.recoveries order by recovery, segment",
    "transitions": (
        "select from_touchpoint, to_touchpoint, n_transitions, n_journeys\n"
        "from marts.transitions\norder by n_transitions desc, from_touchpoint, to_touchpoint"
    ),
    "paths": (
        "select path, n_steps, n_journeys, n_closed, n_converted, converted_share, converted_low, converted_high\n"
        "from marts.paths\norder by n_journeys desc, path"
    ),
    "coverage": (
        "select stage, channel, n_touchpoints, n_touches, is_instrumented\nfrom marts.coverage\norder by stage, channel"
    ),
    "trend": (
        "select date_trunc('week', on_date)::date as week_on, count(*) as n_days,\n"
        "       sum(n_journeys_started)::bigint as n_started, sum(n_journeys_matured)::bigint as n_matured,\n"
        "       sum(n_converted)::bigint as n_converted, sum(revenue_minor)::bigint as revenue_minor\n"
        "from marts.trend\ngroup by all\norder by week_on"
    ),
    "conversion": (
        "select sum(n_journeys_matured)::bigint as n, sum(n_converted)::bigint as n_good\n"
        "from marts.trend\nwhere n_journeys_matured > 0\n"
        "  and on_date > (select max(on_date) from marts.trend where n_journeys_matured > 0)\n"
        "    - coalesce((select value::double::integer from rules.settings where name = 'judged_days'), 1000000)"
    ),
    "time_to_progress": (
        "select stage, stage_position, date_diff('second', entered_at, window_ends_at) as window_seconds,\n"
        "       case when progressed_at is not null\n"
        "         then ceil(2 * log2(greatest(date_diff('second', entered_at, progressed_at), 60) / 60.0))::bigint\n"
        "       end as step,\n"
        "       count(*) as n\n"
        "from journeys.stage_entries\nwhere is_judged and is_matured\ngroup by all\n"
        "order by stage_position, stage, window_seconds, step nulls last"
    ),
    # what arrived
    "feeds": "select * from ops.feeds order by source",
    "corrections": (
        "select source, on_date, n_added, n_removed\nfrom ops.corrections\n"
        "where as_of = (select value::timestamp from rules.settings where name = 'as_of')\norder by source, on_date"
    ),
    "checks": (
        "select scope, subject, expectation, level, is_met, observed, expected, n_unexpected\n"
        "from ops.checks\norder by scope, subject, expectation, level, check_id"
    ),
    "rejects": (
        "with reasons as (select source, unnest(reasons) as reason from ops.rejects)\n"
        "select source, reason, count(*) as n\nfrom reasons\ngroup by all\norder by n desc, source, reason"
    ),
    "unmapped": (
        "select source, event_name, sum(n_events)::bigint as n\nfrom journeys.event_shapes\n"
        "where touchpoint is null and not coalesce(is_bot or is_internal or is_conversion, false)\n"
        "group by all\norder by n desc, source, event_name"
    ),
    "identities": (
        "select id_kind, count(*) as n_ids, count(distinct customer_id) as n_customers,\n"
        "       count(*) filter (where customer_id not like 'device:%') as n_stitched\n"
        "from journeys.identities\ngroup by all\norder by id_kind"
    ),
    "identity_report": "select * from marts.identity_report order by stitching",
    "shared_ids": (
        "select id_kind, count(*) as n_ids, max(n_accounts) as most_accounts\n"
        "from journeys.shared_ids\nwhere rule = 'accounts'\ngroup by all\norder by id_kind"
    ),
    "schema_version": "select version from ops.schema_version",
}  # fmt: skip


def ask(tables: Tables, question: str) -> list[dict[str, Any]]:
    """The rows that answer one of `QUERIES`."""
    return tables.rows(QUERIES[question])


def pick(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The named columns of a row, in that order; a column that the row does not have is None."""
    return {name: row.get(name) for name in names}
