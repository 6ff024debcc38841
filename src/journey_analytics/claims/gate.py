"""The data gate: which feeds are not fit to be judged by tonight, and which claims rest on them.

A feed is unfit when it did not arrive, brought nothing, is late, or did not meet a check that freezes. What rests on it
is frozen: it neither opens nor closes, since a feed that breaks off looks like customers who do. A claim rests on the
feeds that bring the events of its touchpoint, promise or recovery; a share that moves on rests also on every feed that
brings at least CARRIES of the touches of a later stage, and an answer's score on the feeds that bring the answers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from journey_analytics import formats

CARRIES = 0.1
SCORED = frozenset({"csat", "nps", "thumb", "stars"})
_FRESHNESS = "hours_since_last_event"

_RECOGNISED = """
    select distinct rules.kind, rules.subject, shapes.source
    from journeys.shape_rules as rules join journeys.shapes as shapes using (shape_id)
    union
    select distinct kind, subject, source from rules.event_rules where source is not null
    order by all
"""
_CARRIED = f"""
    with touched as (
        select stage, source, sum(n_events) as n from journeys.event_shapes where stage is not null group by all),
    shares as (select stage, source, n / sum(n) over (partition by stage) as share from touched)
    select stage, source from shares where share >= {CARRIES} order by all
"""
_ANSWERED = """
    select distinct touchpoint, split_part(answer_id, ':', 1) as source
    from journeys.answers where touchpoint is not null order by all
"""


class Tables(Protocol):
    """Anything that answers SELECTs with rows: the warehouse at night, or a published file."""

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """The rows of one SELECT."""
        ...


def unfit_feeds(tables: Tables) -> dict[str, str]:
    """Each feed that is not fit to be judged by, with why: 'did not arrive'."""
    checks = tables.rows(
        "select subject, expectation, level, is_met, observed, expected from ops.checks where scope = 'feed' "
        "order by subject, check_id"
    )
    is_fresh = {row["subject"] for row in checks if row["expectation"] == _FRESHNESS and row["is_met"]}
    reasons: dict[str, list[str]] = defaultdict(list)
    for feed in tables.rows("select source, status, last_event_at from ops.feeds order by source"):
        if feed["status"] != "ok" and not (feed["status"] == "late" and feed["source"] in is_fresh):
            reasons[feed["source"]].append(arrival(feed))
    for row in checks:
        if not row["is_met"] and row["level"] == "freeze":
            what = formats.words(row["expectation"]).lower()
            reasons[row["subject"]].append(f"did not meet “{what}” ({row['observed']}, expected {row['expected']})")
    return {source: " and ".join(said) for source, said in sorted(reasons.items())}


def arrival(feed: Mapping[str, Any]) -> str:
    """How a feed whose status is not ok failed to come."""
    if feed["status"] == "missing":
        return "did not arrive"
    if feed["status"] == "empty":
        return "brought no rows"
    last = feed["last_event_at"]
    return f"is late: its last event is of {formats.minute(last)} UTC" if last else "is late"


@dataclass(frozen=True)
class Gate:
    """What is frozen tonight.

    `unfit` says why of each unfit feed; `recognised` are the feeds of each rule, by (kind, subject); `carried` those
    that carry each stage, by its place; `answered` those of the answers about each touchpoint.
    """

    unfit: Mapping[str, str]
    recognised: Mapping[tuple[str, str], frozenset[str]]
    carried: Mapping[int, frozenset[str]]
    answered: Mapping[str, frozenset[str]]
    places: Mapping[str, int]

    def because(self, *, metric: str, subject: str, touchpoint: str | None, stage: str | None) -> str:
        """Why a claim is frozen, as a sentence; empty where it is not."""
        if not self.unfit:
            return ""
        rests_on = frozenset().union(*self._rests_on(metric, subject, touchpoint, stage))
        said = [f"the feed {source} {why}" for source, why in self.unfit.items() if source in rests_on]
        return f"Frozen, since {'; '.join(said)}." if said else ""

    def _rests_on(
        self, metric: str, subject: str, touchpoint: str | None, stage: str | None
    ) -> Iterator[frozenset[str]]:
        nobody: frozenset[str] = frozenset()
        kinds = ["promise_from", "promise_to", "recovery_after", "recovery_unless"]
        yield from (self.recognised.get((kind, subject), nobody) for kind in kinds if metric in {"kept", "met"})
        if touchpoint:
            yield self.recognised.get(("touchpoint", touchpoint), nobody)
        if metric == "progressed":
            here = self.places.get(str(stage), 0)
            yield from (feeds for place, feeds in self.carried.items() if place > here)
        if metric in {"progressed", "out_of_order"}:
            yield self.recognised.get(("conversion", "conversion"), nobody)
        if metric == "complained":
            yield self.recognised.get(("complaint", "complaint"), nobody)
        if metric in SCORED and touchpoint:
            yield self.answered.get(touchpoint, nobody)


def read_gate(tables: Tables) -> Gate:
    """Tonight's gate. What rests on what is looked up only where a feed is unfit."""
    unfit = unfit_feeds(tables)
    if not unfit:
        return Gate({}, {}, {}, {}, {})
    places = {row["stage"]: int(row["position"]) for row in tables.rows("select stage, position from rules.stages")}
    recognised = (((row["kind"], row["subject"]), row["source"]) for row in tables.rows(_RECOGNISED))
    carried = ((places[row["stage"]], row["source"]) for row in tables.rows(_CARRIED))
    answered = ((row["touchpoint"], row["source"]) for row in tables.rows(_ANSWERED))
    return Gate(unfit, _gathered(recognised), _gathered(carried), _gathered(answered), places)


def _gathered(pairs: Iterable[tuple[Any, str]]) -> dict[Any, frozenset[str]]:
    found: dict[Any, set[str]] = defaultdict(set)
    for key, source in pairs:
        found[key].add(source)
    return {key: frozenset(sources) for key, sources in found.items()}
