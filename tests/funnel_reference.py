"""A funnel answered by hand, slowly: every chain of events is tried, and the rules are read off the definition.

Nothing here is clever, and nothing is shared with the compiler: it is what the compiler is held against.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from funnel_lines import Event, Lines

from journey_analytics.facts.funnelparts import Step

Chain = tuple[Event, ...]


@dataclass
class Counted:
    """One customer, session, journey or attempt: the step it got to, when it made each, and whether it may go on."""

    furthest: int
    is_open: bool
    at: list[datetime.datetime | None]
    value: str | None = None
    events: list[Event | None] = field(default_factory=list)


@dataclass(frozen=True)
class Reference(Lines):
    """Every chain of events of a line, and who is counted by it."""

    def answer(self, events: Sequence[Event]) -> dict[tuple[Any, ...], Counted]:
        """Everyone who is counted, by the values that tell them apart."""
        found: dict[tuple[Any, ...], Counted] = {}
        for base, line in self.lines(events).items():
            for whose, members in self.units(line).items():
                counted = self.count(line, members)
                if counted is not None:
                    found[(*base, *whose)] = counted
        return found

    def held(self, event: Event) -> tuple[Any, ...]:
        return tuple(None if event[name] is None else str(event[name]) for name in self.funnel.hold)

    def units(self, line: list[Event]) -> dict[tuple[Any, ...], list[Event]]:
        """A line's events as what is counted: all of them, or attempt by attempt."""
        funnel = self.funnel
        if funnel.count != "attempts":
            return {(): line}
        pieces: dict[tuple[Any, ...], list[Event]] = {}
        for held in dict.fromkeys(map(self.held, line)):
            number, last_start, ended = 0, None, False
            for event in (each for each in line if self.held(each) == held):
                if 0 in event["steps"]:
                    silent = last_start is not None and self.is_later(last_start, event["event_at"], funnel.window)
                    if last_start is None or ended or silent or len(funnel.required) == 1:
                        number += 1
                    last_start, ended = event["event_at"], False
                elif funnel.required[-1] in event["steps"]:
                    ended = True
                pieces.setdefault((*held, number), []).append(event)
        for key, piece in pieces.items():
            last = max(number for *held, number in pieces if tuple(held) == key[:-1])
            for event in piece:
                event["is_last_attempt"] = key[-1] == last
        return pieces

    def is_later(self, since: datetime.datetime, at: datetime.datetime, seconds: float | None) -> bool:
        return seconds is not None and at > since + datetime.timedelta(seconds=seconds)

    def starts(self, events: list[Event], makes: Callable[[Event], bool]) -> list[Event]:
        found = [event for event in events if makes(event) and self.is_in_range(event)]
        return found[:1] if self.funnel.attempt == "first" else found

    def count(self, line: list[Event], events: list[Event]) -> Counted | None:
        return self.any_order(events) if self.funnel.order == "any" else self.in_order(line, events)

    # --- in order

    def allowed(self, line: list[Event], start: Event, before: Event, event: Event, place: int) -> bool:
        """Whether an event may be the required step after the one that `before` made."""
        funnel = self.funnel
        index = funnel.required.index(place)
        previous = funnel.required[index - 1]
        if self.held(event) != self.held(start) or not self.after(before, event):
            return False
        if self.is_later(start["event_at"], event["event_at"], funnel.window):
            return False
        if self.is_later(before["event_at"], event["event_at"], funnel.steps[place].within):
            return False
        between = [each for each in line if before["position"] < each["position"] < event["position"]]
        if funnel.order == "strict":
            passing = set(range(previous + 1, place))
            if any(each["in_scope"] and not each["steps"] & passing for each in between):
                return False
        return not any(self.drops(each, start, previous) for each in between)

    def after(self, before: Event, event: Event) -> bool:
        if self.funnel.tolerance is not None:
            slack = datetime.timedelta(seconds=self.funnel.tolerance)
            return event is not before and bool(event["event_at"] >= before["event_at"] - slack)
        if self.funnel.ties == "strictly_after":
            return bool(event["event_at"] > before["event_at"])
        return bool(event["position"] > before["position"])

    def drops(self, event: Event, start: Event, previous: int) -> bool:
        """Whether an event ends an attempt that has made the step at `previous` and not the next one."""
        return self.held(event) == self.held(start) and self.same_attempt(event, start) and any(
            n in event["out"] and each.then == "drop" and self.funnel.covers(each)[0] <= previous
            and previous < self.funnel.covers(each)[1]
            for n, each in enumerate(self.funnel.exclude)
        )  # fmt: skip

    def same_attempt(self, event: Event, start: Event) -> bool:
        return self.funnel.count != "attempts" or any(event is each for each in start["piece"])

    def chains(self, line: list[Event], events: list[Event], start: Event) -> Iterator[Chain]:
        """Every way on from a first step, and all their beginnings."""
        pending: list[Chain] = [(start,)]
        while pending:
            chain = pending.pop()
            yield chain
            if len(chain) < len(self.funnel.required):
                place = self.funnel.required[len(chain)]
                pending += [
                    (*chain, event)
                    for event in events
                    if place in event["steps"] and self.allowed(line, start, chain[-1], event, place)
                ]

    def in_order(self, line: list[Event], events: list[Event]) -> Counted | None:
        funnel = self.funnel
        for event in events:
            event["piece"] = events
        starts = self.starts(events, lambda event: 0 in event["steps"])
        chains = [chain for start in starts for chain in self.chains(line, events, start)]
        if not chains or self.is_removed(events, starts, chains):
            return None
        best = min(chains, key=lambda chain: (-len(chain), [event["position"] for event in chain]))
        is_done = len(best) == len(funnel.required)
        made: list[Event | None] = [None] * len(funnel.steps)
        for place, event in zip(funnel.required, best, strict=False):
            made[place] = event
        for place, step in enumerate(funnel.steps):
            if step.optional:
                made[place] = self.optional(line, events, made, place)
        last = funnel.required[len(best) - 1]
        may = funnel.count != "attempts" or events[0]["is_last_attempt"]
        is_open = not is_done and may and not self.is_over() and any(self.goes_on(line, chain) for chain in chains)
        at = [event["event_at"] if event else None for event in made]
        if funnel.tolerance is not None:  # a step is made no earlier than those it follows
            for place in range(len(at)):
                earlier = [made_at for other in funnel.required if other < place and (made_at := at[other])]
                at[place] = max([at[place], *earlier]) if at[place] else None
        return Counted(last + 1, is_open, at, self.value(made, last), made)

    def is_over(self) -> bool:
        """Whether the range outside which nothing counts has passed."""
        funnel = self.funnel
        ends = funnel.entered.to if funnel.range == "whole" else None
        return ends is not None and funnel.as_of is not None and funnel.as_of >= ends

    def goes_on(self, line: list[Event], chain: Chain) -> bool:
        """Whether the next required step could still be made at as_of, or whenever no as_of is known."""
        funnel = self.funnel
        if len(chain) == len(funnel.required):
            return False
        place = funnel.required[len(chain)]
        next_at = funnel.as_of or max(event["event_at"] for event in line)
        imagined = {**chain[-1], "event_at": next_at, "position": len(line) + 1, "steps": {place}, "out": set()}
        if funnel.as_of is None:  # time never runs out; only what has come between can stop it
            imagined["event_at"] = chain[-1]["event_at"] + datetime.timedelta(microseconds=1)
            unlimited = funnel.steps[place].model_copy(update={"within": None})
            steps = [*funnel.steps[:place], unlimited, *funnel.steps[place + 1 :]]
            timeless = funnel.model_copy(update={"window": None, "steps": tuple(steps)})
            other = Reference(timeless, self.conditions, self.per_value)
            return other.allowed(line, chain[0], chain[-1], imagined, place)
        return self.allowed(line, chain[0], chain[-1], imagined, place)

    def optional(self, line: list[Event], events: list[Event], made: list[Event | None], place: int) -> Event | None:
        """The first event that could be the optional step, after the steps before it and before the one after it."""
        funnel = self.funnel
        before = max(other for other in funnel.required if other < place)
        after = min((other for other in funnel.required if other > place), default=None)
        base = made[before]
        start = made[0]
        if base is None or start is None:
            return None
        since = [event for event in made[before:place] if event is not None][-1]
        reached = made[after] if after is not None else None
        for event in events:
            if place not in event["steps"] or self.held(event) != self.held(start) or not self.after(since, event):
                continue
            if self.is_later(base["event_at"], event["event_at"], funnel.steps[place].within):
                continue
            if reached is not None:
                if self.after(event, reached):
                    return event
                continue
            between = [each for each in line if base["position"] < each["position"] < event["position"]]
            passing = set(range(before + 1, after if after is not None else len(funnel.steps)))
            if funnel.order == "strict" and any(each["in_scope"] and not each["steps"] & passing for each in between):
                continue
            if any(self.drops(each, start, before) for each in between):
                continue
            if not self.is_later(start["event_at"], event["event_at"], funnel.window):
                return event
        return None

    def is_removed(self, events: list[Event], starts: list[Event], chains: list[Chain]) -> bool:
        """Whether an excluded event found the latest attempt under way between the two steps."""
        funnel = self.funnel
        done = [chain[-1]["position"] for chain in chains if len(chain) == len(funnel.required)]
        finished = min(done, default=None)
        for event in events:
            for n, each in enumerate(funnel.exclude):
                if n not in event["out"] or each.then != "remove":
                    continue
                if finished is not None and event["position"] >= finished:
                    continue
                first, end = (funnel.required.index(place) + 1 for place in funnel.covers(each))
                progress = {
                    start["position"]: (start, max(
                        (len(chain) for chain in chains
                         if chain[0] is start and chain[-1]["position"] < event["position"]), default=0))
                    for start in starts if start["position"] < event["position"]
                    and self.held(start) == self.held(event)
                }  # fmt: skip
                under_way = [place for place, (_, steps) in progress.items() if steps >= first]
                if not under_way:
                    continue
                start, steps = progress[max(under_way)]
                if steps < end and not self.is_later(start["event_at"], event["event_at"], funnel.window):
                    return True
        return False

    def value(self, made: list[Event | None], last: int) -> str | None:
        breakdown = self.funnel.breakdown
        if breakdown is None or self.per_value:
            return None
        place = 0 if breakdown.at in ("first", "all") else last
        if breakdown.at not in ("first", "last", "all"):
            place = self.funnel.titles.index(breakdown.at)
        event = made[place]
        return event["value"] if event else "(none)"

    # --- in any order

    def any_order(self, events: list[Event]) -> Counted | None:
        funnel = self.funnel
        alike = {place: _bare(step) for place, step in enumerate(funnel.steps)}
        wanted: dict[str, int] = {}
        for bare in alike.values():
            wanted[bare] = wanted.get(bare, 0) + 1
        starts = self.starts(events, lambda event: bool(event["steps"]))
        gathered = {start["position"]: self.gather(events, start, alike, wanted) for start in starts}
        if not gathered or self.is_removed_any(events, starts, gathered):
            return None
        best = min(gathered.values(), key=lambda made: (-len(made), made[0]["position"]))
        is_open = (
            not self.is_over()
            and len(best) < len(funnel.steps)
            and any(
                (funnel.as_of is None or not self.is_later(start["event_at"], funnel.as_of, funnel.window))
                and not any(self.ends(event, start) for event in events)
                for start in starts
            )
        )
        made: list[Event | None] = [*best, *[None] * (len(funnel.steps) - len(best))]
        at = [event["event_at"] if event else None for event in made]
        return Counted(len(best), is_open, at, self.value(made, len(best) - 1), made)

    def gather(
        self, events: list[Event], start: Event, alike: Mapping[int, str], wanted: Mapping[str, int]
    ) -> list[Event]:
        """The events that make a step each, from one that begins until the window or an excluded event ends it."""
        taken: dict[str, int] = {}
        made = []
        for event in events:
            if event["position"] < start["position"] or self.held(event) != self.held(start):
                continue
            if self.ends(event, start) or self.is_later(start["event_at"], event["event_at"], self.funnel.window):
                break
            if event["steps"]:
                bare = alike[min(event["steps"])]
                if taken.get(bare, 0) < wanted[bare]:
                    taken[bare] = taken.get(bare, 0) + 1
                    made.append(event)
        return made

    def ends(self, event: Event, start: Event) -> bool:
        return (
            self.held(event) == self.held(start)
            and event["position"] > start["position"]
            and any(n in event["out"] and each.then == "drop" for n, each in enumerate(self.funnel.exclude))
        )

    def is_removed_any(self, events: list[Event], starts: list[Event], gathered: dict[int, list[Event]]) -> bool:
        steps = len(self.funnel.steps)
        finished = min((made[-1]["position"] for made in gathered.values() if len(made) == steps), default=None)
        for event in events:
            out = any(n in event["out"] and each.then == "remove" for n, each in enumerate(self.funnel.exclude))
            before = [
                start for start in starts
                if start["position"] < event["position"] and self.held(start) == self.held(event)
            ]  # fmt: skip
            unfinished = steps > 1 and (finished is None or event["position"] < finished)
            if out and before and unfinished:
                since = before[-1]["event_at"]
                if not self.is_later(since, event["event_at"], self.funnel.window):
                    return True
        return False


def _bare(step: Step) -> str:
    """A step without its name: equal steps are made by the same events."""
    return step.model_copy(update={"name": None}).model_dump_json()
