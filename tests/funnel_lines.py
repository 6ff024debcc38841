"""Which events matter to a funnel, and in which order they stand: the half of the slow reference that reads the log."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey_analytics.facts.funnelparts import Exclusion, Selector, Step
from journey_analytics.facts.funnels import Funnel

Event = dict[str, Any]
Condition = Callable[[Event], bool]

UNITS = {"customers": "customer_id", "sessions": "session_id", "journeys": "journey_id", "attempts": "customer_id"}


@dataclass(frozen=True)
class Lines:
    """A funnel, and what the conditions in it mean as Python."""

    funnel: Funnel
    conditions: Mapping[str, Condition]
    per_value: bool = False

    def lines(self, events: Sequence[Event]) -> dict[tuple[Any, ...], list[Event]]:
        """Whose events stand in one line, and the line."""
        funnel = self.funnel
        unit = UNITS[funnel.count]
        here = [
            dict(event)
            for event in events
            if event["customer_id"] is not None and event["event_at"] is not None and event[unit] is not None
            if funnel.as_of is None or event["event_at"] < funnel.as_of
        ]
        for event in here:
            event["event_at"] = self.rounded(event["event_at"])
        for event in here:
            event["steps"] = {place for place, step in enumerate(funnel.steps) if self.makes(event, step)}
            event["out"] = {n for n, each in enumerate(funnel.exclude) if self.excludes(event, each)}
            event["in_scope"] = self.holds(event, funnel.where)
            event["value"] = "(none)" if self.by(event) is None else str(self.by(event))
        for place, step in enumerate(funnel.steps):
            self.only_the_first(here, place, step)
        if funnel.tolerance is not None:
            for event in here:
                event["steps"] = set(sorted(event["steps"])[:1])
        if funnel.range == "whole":
            here = [event for event in here if self.is_in_range(event)]
        lines: dict[tuple[Any, ...], list[Event]] = {}
        for event in sorted(here, key=self.order):
            matters = event["steps"] or event["out"] or (funnel.order == "strict" and event["in_scope"])
            if matters:
                key = (event[unit], event["value"]) if self.per_value else (event[unit],)
                lines.setdefault(key, []).append(event)
        for line in lines.values():
            for position, event in enumerate(line, 1):
                event["position"] = position
        return lines

    def rounded(self, at: datetime.datetime) -> datetime.datetime:
        unit = self.funnel.rounding
        if unit is None:
            return at
        since = at - datetime.datetime(2026, 1, 1)
        return datetime.datetime(2026, 1, 1) + (since + datetime.timedelta(seconds=unit / 2)) // datetime.timedelta(
            seconds=unit
        ) * datetime.timedelta(seconds=unit)

    def is_in_range(self, event: Event) -> bool:
        entered = self.funnel.entered
        return (entered.from_ is None or event["event_at"] >= entered.from_) and (
            entered.to is None or event["event_at"] < entered.to
        )

    def by(self, event: Event) -> Any:
        return event.get(self.funnel.breakdown.by) if self.funnel.breakdown else None

    def order(self, event: Event) -> tuple[Any, ...]:
        """Time; then the input's own sequence; then the first step it could be; then its id."""
        sequence = event[self.funnel.sequence] if self.funnel.sequence else 0
        sequence = (sequence is None, sequence or 0)
        rank = min(event["steps"], default=len(self.funnel.steps))
        return event["event_at"], sequence, rank, event["event_id"]

    def holds(self, event: Event, where: str | None) -> bool:
        return where is None or self.conditions[where](event)

    def named(self, event: Event, selector: Selector) -> bool:
        if selector.names is None:
            return selector.event is not None or event[selector.kind] is not None
        return event[selector.kind] in selector.names

    def has_held(self, event: Event) -> bool:
        return all(event[name] is not None for name in self.funnel.hold)

    def makes(self, event: Event, step: Step) -> bool:
        any_will_do = any(self.named(event, each) and self.holds(event, each.where) for each in step.selectors)
        own = step.where if step.any_of else None
        return any_will_do and self.holds(event, own) and self.holds(event, self.funnel.where) and self.has_held(event)

    def excludes(self, event: Event, exclusion: Exclusion) -> bool:
        return self.named(event, exclusion) and self.holds(event, exclusion.where) and self.has_held(event)

    def only_the_first(self, events: list[Event], place: int, step: Step) -> None:
        """A first-time step is made by a customer's first event of that name, or by the first that could make it."""
        if step.first_time is None:
            return
        firsts: dict[Any, Event] = {}
        sequence = self.funnel.sequence

        def when(event: Event) -> tuple[Any, ...]:
            number = event[sequence] if sequence else 0
            return event["event_at"], (number is None, number or 0), event["event_id"]

        for event in sorted(events, key=when):
            named = any(self.named(event, each) for each in step.selectors)
            if named if step.first_time == "event" else place in event["steps"]:
                split = self.per_value and step.first_time == "step"
                firsts.setdefault((event["customer_id"], event["value"] if split else None), event)
        for event in events:
            if not any(event is first for first in firsts.values()):
                event["steps"].discard(place)
