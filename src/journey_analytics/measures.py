"""A feed's night in numbers: what each of its expectations is held against.

Shares of rows are of the files that this night loaded, so that one bad night is not lost among many good ones; of all
files, where the night loaded none. Where there is nothing to measure, a share is nan, the age of an event that never
came is infinite, and a count is 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journey_analytics.facts.expectations import UNKNOWN, FeedExpectation
from journey_analytics.facts.expressions import quoted

if TYPE_CHECKING:
    from journey_analytics.warehouse import Warehouse

Asked = Sequence[tuple[str, FeedExpectation]]

NEW_DAYS = 7
SETTLED_DAYS = 28
NAMED = 5

_AS_OF = "getvariable('as_of')::timestamp"
_FEEDS = f"""
    with tonight as (
        select source, sum(n_read) as n_read, sum(n_rejected) as n_rejected, sum(n_duplicate) as n_duplicate
        from ops.loads where loaded_at = {_AS_OF} group by source)
    select feeds.source, feeds.n_read as rows_read, feeds.unmapped_share, feeds.hours_since_last_event,
        coalesce(tonight.n_rejected / nullif(tonight.n_read, 0), feeds.refused_share) as refused_share,
        coalesce(tonight.n_duplicate / nullif(tonight.n_read, 0), feeds.duplicate_share) as duplicate_share
    from ops.feeds as feeds left join tonight on tonight.source = feeds.source
    order by feeds.source
"""
_NEW_NAMES = f"""
    with names as (
        select source, event_name, min(event_at) as first_at
        from staging.events where event_at < {_AS_OF} and source in (select unnest($1::varchar[])) group by all),
    told as (select *, min(first_at) over (partition by source) as feed_first_at from names)
    select source, event_name from told
    where first_at >= {_AS_OF} - interval {NEW_DAYS} day and feed_first_at < {_AS_OF} - interval {SETTLED_DAYS} day
    order by source, event_name
"""
_ARRIVALS = f"""
    select source, quantile_cont(date_diff('second', event_at, received_at) / 3600.0, 0.95) as hours
    from staging.events
    where received_at is not null and event_at < {_AS_OF} and event_at >= {_AS_OF} - interval {NEW_DAYS} day
        and source in (select unnest($1::varchar[]))
    group by source
"""
_CLAMPED = f"""
    with loaded as (
        select source, sum(n_loaded) as n from ops.loads where loaded_at = {_AS_OF} group by source),
    clamped as (
        select notes.source, sum(notes.n) as n
        from ops.load_notes as notes join ops.loads as loads using (file_id)
        where notes.note = 'clamped_time' and loads.loaded_at = {_AS_OF} group by notes.source)
    select loaded.source, coalesce(clamped.n, 0) / nullif(loaded.n, 0) as share
    from loaded left join clamped on clamped.source = loaded.source
"""
_UNKNOWN = """
    with said as (
        select source, note || 's' as expect, follows, n, subject || coalesce(' (' || sample || ')', '') as name
        from ops.load_notes where follows in ('warn', 'freeze'))
    select source, expect, follows, sum(n)::bigint as n_rows, list(distinct name order by name) as named
    from said group by all order by all
"""


@dataclass(frozen=True)
class Measured:
    """What was measured, and the names of what was found, where it has names."""

    value: float
    named: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """The names, the first few of them; empty where there are none."""
        more = f" and {len(self.named) - NAMED} more" if len(self.named) > NAMED else ""
        return ", ".join(self.named[:NAMED]) + more


def unknown(warehouse: Warehouse, sources: Sequence[str]) -> list[tuple[str, FeedExpectation]]:
    """What the contracts themselves expect, wherever it does not hold: that no value, type or column is unknown."""
    rows = [row for row in warehouse.rows(_UNKNOWN) if row["source"] in sources]
    return [(row["source"], FeedExpectation(row["expect"], at_most=0, otherwise=row["follows"])) for row in rows]


def measure(warehouse: Warehouse, asked: Asked) -> list[Measured]:
    """One measurement per expectation, in the order given; days against their weekday are not measured here."""
    feeds = {str(row["source"]): row for row in warehouse.rows(_FEEDS)}
    special = {
        "new_event_names": _new_names, "hours_to_arrive": _arrivals, "clamped_share": _clamped, "null_share": _nulls,
    }  # fmt: skip
    found: dict[tuple[str, FeedExpectation], Measured] = {}
    for expect, act in special.items():
        about = [pair for pair in asked if pair[1].expect == expect]
        found |= act(warehouse, about) if about else {}
    known = {(row["source"], row["expect"], row["follows"]): row for row in warehouse.rows(_UNKNOWN)}
    measured = []
    for source, expectation in asked:
        if expectation.expect in UNKNOWN:
            row = known.get((source, expectation.expect, expectation.otherwise), {"n_rows": 0, "named": []})
            measured.append(Measured(float(row["n_rows"]), tuple(row["named"])))
        else:
            plain = Measured(_plain(feeds.get(source, {}), expectation.expect))
            measured.append(found.get((source, expectation), plain))
    return measured


def _plain(profile: Mapping[str, Any], expect: str) -> float:
    value = profile.get(expect)
    if value is not None and not math.isnan(value):
        return float(value)
    return {"rows_read": 0.0, "hours_since_last_event": math.inf, "new_event_names": 0.0}.get(expect, math.nan)


def _new_names(warehouse: Warehouse, asked: Asked) -> dict[tuple[str, FeedExpectation], Measured]:
    """Event names first seen in the last NEW_DAYS days, of a feed that is known for SETTLED_DAYS."""
    rows = warehouse.rows(_NEW_NAMES, [[source for source, _ in asked]])
    names = {source: tuple(row["event_name"] for row in rows if row["source"] == source) for source, _ in asked}
    return {pair: Measured(float(len(names[pair[0]])), names[pair[0]]) for pair in asked}


def _arrivals(warehouse: Warehouse, asked: Asked) -> dict[tuple[str, FeedExpectation], Measured]:
    """The hours within which 19 of 20 events of the last NEW_DAYS days were received, where the feed says when."""
    rows = {row["source"]: row["hours"] for row in warehouse.rows(_ARRIVALS, [[source for source, _ in asked]])}
    return {pair: Measured(float(rows.get(pair[0], math.nan))) for pair in asked}


def _clamped(warehouse: Warehouse, asked: Asked) -> dict[tuple[str, FeedExpectation], Measured]:
    """The share of tonight's rows whose clock was ahead."""
    rows = {row["source"]: row["share"] for row in warehouse.rows(_CLAMPED) if row["share"] is not None}
    return {pair: Measured(float(rows.get(pair[0], math.nan))) for pair in asked}


def _nulls(warehouse: Warehouse, asked: Asked) -> dict[tuple[str, FeedExpectation], Measured]:
    """The share of tonight's rows whose column is empty."""
    found = {}
    for source, expectation in asked:
        column, table = quoted(str(expectation.column)), f"landing.{quoted(source)}"
        files = f"select file_id from ops.loads where source = $1 and n_loaded > 0 and loaded_at = {_AS_OF}"
        share = warehouse.scalar(
            f"""with tonight as ({files})
            select count(*) filter ({column} is null) / nullif(count(*), 0) from {table}
            where file_id in (from tonight) or not exists (from tonight)""",
            [source],
        )
        found[source, expectation] = Measured(math.nan if share is None else float(share))
    return found
