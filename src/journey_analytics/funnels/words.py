"""Which rule made each number, in words: what the report states under a funnel and `--explain` prints."""

from __future__ import annotations

from collections.abc import Iterator

from journey_analytics.facts.funnelparts import UNITS, in_words
from journey_analytics.facts.funnels import Funnel
from journey_analytics.facts.presets import PRESETS
from journey_analytics.funnels.marks import NONE
from journey_analytics.funnels.planner import Answer
from journey_analytics.funnels.summary import OTHER


def explained(answer: Answer) -> list[str]:
    """The rules, then how each step's number came about, then which way it was counted."""
    lines = [*rules(answer.funnel), ""]
    everyone = [row for row in answer.rows if row["breakdown_value"] is None and row["segment"] == "all"]
    lines += [
        _number(answer.funnel, row["step_number"] - 1, row["n"], row["n_open"], row["n_lost"]) for row in everyone
    ]
    lines += ["", f"Counted by {answer.path}, which is exact for every rule above."]
    lines += [f"Not by {engine}: {reason}." for engine, reason in answer.declined]
    return lines


def _number(funnel: Funnel, place: int, n: int, n_open: int, n_lost: int) -> str:
    counted = funnel.count if n != 1 else funnel.count.removesuffix("s")
    if funnel.order == "any":
        made = f"made at least {place + 1} different steps within {in_words(funnel.window)}, in any order"
    else:
        step = funnel.steps[place]
        made = f"made '{step.title}' ({step.makes})"
        previous = funnel.previous(place)
        if previous is not None:
            made += f" after '{funnel.titles[previous]}'"
        if step.within is not None:
            made += f" and within {in_words(step.within)} of it"
        if step.first_time:
            first = {"event": "their first event of that name", "step": "the first that could be this step"}
            made += f", {first[step.first_time]} ever"
        if step.optional:
            made += "; the step is optional: who leaves it out is not lost"
    rest = ""
    if n_open or n_lost:
        has, is_ = ("has" if n_open == 1 else "have"), ("is" if n_lost == 1 else "are")
        rest = f" Of these, {n_open:,} still {has} time for the next step and {n_lost:,} {is_} lost before it."
    return f"{place + 1}. {n:,} {counted} {made}.{rest}"


def rules(funnel: Funnel) -> list[str]:
    """Every rule with its value, one sentence each."""
    return list(_rules(funnel))


def _rules(funnel: Funnel) -> Iterator[str]:
    if funnel.preset:
        taken = f": {', '.join(funnel.from_preset)}" if funnel.from_preset else "; everything was written"
        yield f"What was not written is as {PRESETS[funnel.preset].title} has it{taken}."
    yield _counting(funnel)
    yield _ordering(funnel)
    if funnel.window is None:
        yield "There is no window: a step may come at any time after the first."
    else:
        yield f"All steps lie within {in_words(funnel.window)} of the first step of the attempt, its end included."
    yield {
        "best": "Every first step may begin an attempt; the attempt that gets furthest counts, of equals the earliest.",
        "first": "Only the first first step may begin an attempt.",
    }[funnel.attempt]
    yield from _ties(funnel)
    if funnel.sequence:
        yield f"The input's own number '{funnel.sequence}' puts events of one instant in order first."
    yield "One event is one step; a step that is repeated needs as many events."
    if funnel.where:
        yield f"Only events where {funnel.where} can be a step" + (
            ", or stand between two steps." if funnel.order == "strict" else "."
        )
    yield from _limits(funnel)
    yield from _reading(funnel)


def _counting(funnel: Funnel) -> str:
    return {
        "customers": "Each customer is counted once.",
        "sessions": "Each session is counted once, by what happens inside it.",
        "journeys": "Each journey is counted once, by what happens inside it.",
        "attempts": "Each attempt is counted: a first step after a last step, or after a silence of the window, begins "
        "a new one. Intervals take into account which attempts are one customer's.",
    }[funnel.count]


def _ordering(funnel: Funnel) -> str:
    return {
        "ordered": "The steps come in order; other events may come between them.",
        "strict": "The steps come in order, and no other event may come between them.",
        "any": "The steps may come in any order: row k is who made at least k different ones. An event counts for the "
        "first listed step it could be.",
    }[funnel.order]


def _ties(funnel: Funnel) -> Iterator[str]:
    if funnel.rounding is not None:
        yield f"Every time is taken to the nearest {UNITS[funnel.rounding]} before anything else is asked of it."
    if funnel.tolerance is not None:
        yield (
            f"A step may be made up to {in_words(funnel.tolerance)} before the one it follows: steps so near one "
            "another are taken in either order. It is dated no earlier than those it follows, and an event counts for "
            "the first listed step it could be."
        )
    elif funnel.order != "any":
        yield {
            "listed": "Events at the same instant are taken in the order of the steps.",
            "strictly_after": "A step must be later than the one before, never at the same instant.",
        }["strictly_after" if funnel.ties == "strictly_after" else "listed"]


def _limits(funnel: Funnel) -> Iterator[str]:
    for each in funnel.exclude:
        first, last = (funnel.titles[place] for place in funnel.covers(each))
        between = "in the attempt" if funnel.order == "any" else f"between '{first}' and '{last}'"
        then = {"drop": "is counted until then and lost after", "remove": "is counted nowhere"}[each.then]
        yield f"Who has {each.in_words} {between} {then}."
    if funnel.hold:
        yield f"All steps of an attempt, and what is excluded, share the same {' and '.join(funnel.hold)}."
    if funnel.entered.from_ or funnel.entered.to:
        since = f" from {funnel.entered.from_}" if funnel.entered.from_ else ""
        until = f" before {funnel.entered.to}" if funnel.entered.to else ""
        when = f"{since}{' and' if since and until else ''}{until}"
        yield {
            "entry": f"The first step was made{when}; the others may follow later.",
            "whole": f"Only events{when} count at all, the later steps as much as the first.",
        }[funnel.range]


def _reading(funnel: Funnel) -> Iterator[str]:
    if funnel.breakdown:
        by, at = funnel.breakdown.by, funnel.breakdown.at
        told = {
            "first": f"Groups are told by {by} of the first step's event",
            "last": f"Groups are told by {by} of the last step that was made",
            "all": f"The funnel is asked once per value of {by}, of that value's events alone",
        }.get(at, f"Groups are told by {by} of the event that made '{at}'")
        yield f"{told}; the {funnel.breakdown.top} largest are shown, the rest is '{OTHER}', without a value '{NONE}'."
    if funnel.as_of:
        yield (
            f"Data before {funnel.as_of} UTC is known. Who has not finished and whose time had not run out then is "
            "open, not lost."
        )
    yield "Shares are of the first step and of the required step before; bounds are 95 % intervals."
