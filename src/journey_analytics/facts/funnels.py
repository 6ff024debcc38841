"""A funnel as YAML states it: its steps, and every rule by which they are counted.

The same log gives different answers in different tools because each has rules it does not print. Here every rule is a
switch with a default; `rules()` says all of them, whether they were written or not.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from journey_analytics.facts import presets
from journey_analytics.facts.fields import Duration, Strict, Text
from journey_analytics.facts.funnelparts import (
    Breakdown,
    Column,
    Columns,
    Entered,
    Exclusion,
    ExclusionOrName,
    Moment,
    Range,
    StepOrName,
    Ties,
    Tolerance,
    Window,
    in_words,
    step_rules,
    ties_rules,
)  # fmt: skip

MAX_STEPS = 50


def _preset(name: Any) -> Any:
    return name if name is None else presets.known(name)


class Funnel(Strict):
    """A funnel with all its rules."""

    funnel: Text = "funnel"
    preset: Annotated[str | None, BeforeValidator(_preset)] = None
    steps: tuple[StepOrName, ...] = Field(min_length=1, max_length=MAX_STEPS)
    count: Literal["customers", "sessions", "journeys", "attempts"] = "customers"
    order: Literal["ordered", "strict", "any"] = "ordered"
    window: Window = 14 * 86_400.0
    attempt: Literal["best", "first"] = "best"
    ties: Ties = "listed"
    sequence: Column | None = None
    where: Text | None = None
    exclude: tuple[ExclusionOrName, ...] = ()
    hold: Columns = ()
    breakdown: Breakdown | None = None
    entered: Range = Entered()
    range: Literal["entry", "whole"] = "entry"
    instead: Duration = 86_400.0
    as_of: Moment = None
    _taken: tuple[str, ...] = PrivateAttr(default=())

    @model_validator(mode="wrap")
    @classmethod
    def _with_preset(cls, written: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(written, dict):
            return handler(written)
        whole, taken = presets.filled(written)
        funnel = handler(whole)
        funnel._taken = taken
        return funnel

    @model_validator(mode="after")
    def _holds_together(self) -> Funnel:
        for mistake in mistakes(self):
            raise ValueError(mistake)
        return self

    @property
    def from_preset(self) -> tuple[str, ...]:
        """The keys whose values the preset gave; every other was written, or is the default."""
        return self._taken

    @property
    def titles(self) -> tuple[str, ...]:
        """The steps' names, in order."""
        return tuple(step.title for step in self.steps)

    @property
    def required(self) -> tuple[int, ...]:
        """The places (from 0) of the steps that must be made."""
        return tuple(place for place, step in enumerate(self.steps) if not step.optional)

    @property
    def labels(self) -> tuple[str, ...]:
        """What the rows of the answer are called: in any order, a row is a number of steps and not one of them."""
        if self.order != "any":
            return self.titles
        return tuple(f"{number} of {len(self.steps)} steps" for number in range(1, len(self.steps) + 1))

    @property
    def tolerance(self) -> float | None:
        """How many seconds before the step it follows a step may be made; None where it may not."""
        return self.ties.any_order_within if isinstance(self.ties, Tolerance) and self.order != "any" else None

    @property
    def rounding(self) -> float | None:
        """The seconds of the unit that every time is rounded to; None where times are taken as they are."""
        return self.ties.rounded_to if isinstance(self.ties, Tolerance) else None

    @property
    def is_over(self) -> bool:
        """Whether nobody can make a further step, because only events of a range count and it has passed."""
        until = self.entered.to if self.range == "whole" else None
        return until is not None and self.as_of is not None and self.as_of >= until

    def previous(self, place: int) -> int | None:
        """The place of the required step before a step."""
        return max((other for other in self.required if other < place), default=None)

    def covers(self, exclusion: Exclusion) -> tuple[int, int]:
        """Between which two places an exclusion holds."""
        first, last = self.required[0], self.required[-1]
        if exclusion.between is None:
            return first, last
        return self.titles.index(exclusion.between[0]), self.titles.index(exclusion.between[1])

    def rules(self) -> dict[str, Any]:
        """Every switch with its value, as plain values for JSON."""
        written = self.model_dump(mode="json", by_alias=True, exclude={"funnel"})
        steps = [step_rules(step) for step in self.steps]
        told = {
            "from_preset": list(self.from_preset), "ties": ties_rules(self.ties), "steps": steps,
            "window": in_words(self.window), "window_seconds": self.window, "instead": in_words(self.instead),
        }  # fmt: skip
        return {**written, **told}


def mistakes(funnel: Funnel) -> Iterator[str]:
    """What is wrong between the parts of a definition."""
    titles = funnel.titles
    twice = sorted({title for title in titles if titles.count(title) > 1})
    if twice:
        yield f"two steps are called '{twice[0]}'; give each a name of its own"
    if funnel.steps[0].optional:
        yield "the first step cannot be optional: it is where an attempt begins"
    if funnel.steps[0].within is not None:
        yield "the first step has no step before it to be within a time of"
    required = [titles[place] for place in funnel.required]
    for exclusion in funnel.exclude:
        for name in exclusion.between or ():
            if name not in required:
                yield f"an exclusion is between '{name}', which is no required step{_near(name, required)}"
        if exclusion.between and titles.index(exclusion.between[0]) >= titles.index(exclusion.between[1]):
            yield f"an exclusion is between {' and '.join(exclusion.between)}, which do not follow each other"
    if funnel.breakdown and funnel.breakdown.at not in ("first", "last", "all", *titles):
        allowed = ["first", "last", "all", *titles]
        yield f"the breakdown is at '{funnel.breakdown.at}', which is no step{_near(funnel.breakdown.at, allowed)}"
    if funnel.order == "any":
        yield from _any_order_mistakes(funnel)
    if funnel.tolerance is not None:
        yield from _tolerance_mistakes(funnel)


def _any_order_mistakes(funnel: Funnel) -> Iterator[str]:
    if any(step.within is not None for step in funnel.steps):
        yield "in any order no step has one before it; `within` needs `order: ordered` or `strict`"
    if any(step.optional for step in funnel.steps):
        yield "in any order every step is one of those counted; `optional` needs `order: ordered` or `strict`"
    if any(exclusion.between for exclusion in funnel.exclude):
        yield "in any order nothing lies between two steps; leave `between` out, or say `order: ordered`"
    if funnel.count == "attempts":
        yield (
            "in any order every step could begin an attempt, so that attempts cannot be told apart; "
            "allowed is count: customers, sessions or journeys"
        )
    if funnel.breakdown and funnel.breakdown.at in funnel.titles:
        yield "in any order a breakdown is read at first, last or all, not at a step"


def _tolerance_mistakes(funnel: Funnel) -> Iterator[str]:
    if any(each.then == "remove" for each in funnel.exclude):
        yield (
            "with ties in any order an excluded event cannot remove anybody, only drop them; "
            "say `then: drop`, or `ties: listed`"
        )
    seen: dict[str, str] = {}
    for step in funnel.steps:
        same = seen.setdefault(step.model_copy(update={"name": None}).model_dump_json(), step.title)
        if same != step.title:
            yield (
                "with ties in any order an event counts for the first listed step it could be, so that "
                f"'{step.title}', made by the events of '{same}', could never be made; say `ties: listed`"
            )


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; allowed is {', '.join(known)}"
