"""A funnel as YAML states it: its steps, and every rule by which they are counted.

The same log gives different answers in different tools because each has rules it does not print. Here every rule is a
switch with a default; `rules()` says all of them, whether they were written or not.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from journey_analytics.facts.fields import Duration, Strict, Text, Texts, parse_duration

MAX_STEPS = 50
ANY_EVENT = "*"
_COLUMN = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_ -]*)?$"
_RANGE = re.compile(r"^\[\s*([^,\[\]()]*?)\s*,\s*([^,\[\]()]*?)\s*\)$")


def _window(value: Any) -> Any:
    """A duration, or `unlimited`, which is None."""
    if value is None or value == "unlimited":
        return None
    if isinstance(value, str) and re.match(r"^\s*0+(\.0*)?\s*[a-z]+\s*$", value):
        raise ValueError(f"'{value}' is no time at all; allowed is more than that, such as 14 days, or unlimited")
    return parse_duration(value)


def _moment(value: Any) -> Any:
    """A date or an ISO 8601 time as a UTC timestamp without a zone."""
    if value in (None, ""):
        return None
    if isinstance(value, datetime.datetime):
        found = value
    elif isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    else:
        try:
            found = datetime.datetime.fromisoformat(str(value))
        except ValueError as error:
            raise ValueError(
                f"'{value}' is not a time; allowed is a date or 2026-01-31T12:00:00, taken as UTC"
            ) from error
    return found.astimezone(datetime.UTC).replace(tzinfo=None) if found.tzinfo else found


def _half_open(value: Any) -> Any:
    """`[2026-01-01, 2026-02-01)` as its two ends."""
    if isinstance(value, str):
        ends = _RANGE.match(value)
        if ends is None:
            raise ValueError(f"'{value}' is not a range; allowed is [2026-01-01, 2026-02-01): its end is not inside")
        return {"from": ends[1], "to": ends[2]}
    if isinstance(value, list):
        if len(value) != 2:
            raise ValueError(f"a range has two ends, not {len(value)}; allowed is [2026-01-01, 2026-02-01)")
        return {"from": value[0], "to": value[1]}
    return value


def _by_name(value: Any) -> Any:
    """A step or exclusion that is only a word means the event of that name."""
    return {"event": value} if isinstance(value, str) else value


Moment = Annotated[datetime.datetime | None, BeforeValidator(_moment)]
Column = Annotated[str, StringConstraints(pattern=_COLUMN, max_length=120)]
Columns = Annotated[tuple[Column, ...], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]


class Selector(Strict):
    """Which events are meant: those of a name, at a touchpoint or in a stage, that meet a condition."""

    event: Texts | None = None
    touchpoint: Texts | None = None
    stage: Texts | None = None
    where: Text | None = None

    @property
    def kind(self) -> str:
        """The column that is asked: event_name, touchpoint or stage."""
        return "event_name" if self.event else "touchpoint" if self.touchpoint else "stage"

    @property
    def names(self) -> tuple[str, ...] | None:
        """The values that are meant, or None where any event is, or any that has a touchpoint or a stage."""
        names = self.event or self.touchpoint or self.stage or ()
        return None if ANY_EVENT in names else names

    @property
    def in_words(self) -> str:
        """As a person says it: `cart_added or cart_updated, where quantity > 0`."""
        any_ = {"event_name": "any event", "touchpoint": "any touchpoint", "stage": "any stage"}
        words = " or ".join(self.names) if self.names else any_[self.kind]
        at = {"event_name": "", "touchpoint": "at ", "stage": "in "}[self.kind]
        return f"{at}{words}" + (f", where {self.where}" if self.where else "")

    def _must_name_one(self, *, beside: int = 0) -> None:
        said = [name for name in ("event", "touchpoint", "stage") if getattr(self, name)]
        if len(said) + beside != 1:
            raise ValueError(
                "needs exactly one of event, touchpoint, stage"
                + (" or any_of" if isinstance(self, Step) else "")
                + (f", not {' and '.join(said)}" if said else "")
            )


class Alternative(Selector):
    """One of several kinds of event that will all do."""

    @model_validator(mode="after")
    def _names_one(self) -> Alternative:
        self._must_name_one()
        return self


class Step(Selector):
    """One step: the events that make it, and what else must hold."""

    name: Text | None = None
    any_of: tuple[Annotated[Alternative, BeforeValidator(_by_name)], ...] = ()
    within: Duration | None = None
    optional: bool = False
    first_time: Literal["event", "step"] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Step:
        self._must_name_one(beside=bool(self.any_of))
        return self

    @property
    def selectors(self) -> tuple[Selector, ...]:
        """The kinds of event that make the step; each with its own condition."""
        return self.any_of or (self,)

    @property
    def title(self) -> str:
        """The step's name, or what makes it."""
        return self.name or " or ".join(name for each in self.selectors for name in each.names or ("any event",))

    @property
    def makes(self) -> str:
        """What makes the step, in words."""
        words = " or ".join(each.in_words for each in self.selectors)
        return words + (f"; where {self.where}" if self.any_of and self.where else "")


class Exclusion(Selector):
    """An event that must not come between two steps."""

    between: tuple[Text, Text] | None = None
    then: Literal["drop", "remove"] = "drop"

    @model_validator(mode="after")
    def _names_one(self) -> Exclusion:
        self._must_name_one()
        return self


class Breakdown(Strict):
    """By which property the funnel is told apart, and at which moment it is read."""

    by: Column
    at: Text = "first"
    top: int = Field(default=10, ge=1, le=1000)


class Entered(Strict):
    """When the first step must have been made; the end is not inside."""

    from_: Moment = Field(default=None, alias="from")
    to: Moment = None

    @model_validator(mode="after")
    def _not_empty(self) -> Entered:
        if self.from_ and self.to and self.from_ >= self.to:
            raise ValueError(f"the range from {self.from_} up to {self.to} is empty")
        return self


class Funnel(Strict):
    """A funnel with all its rules."""

    funnel: Text = "funnel"
    steps: tuple[Annotated[Step, BeforeValidator(_by_name)], ...] = Field(min_length=1, max_length=MAX_STEPS)
    count: Literal["customers", "sessions", "journeys", "attempts"] = "customers"
    order: Literal["ordered", "strict", "any"] = "ordered"
    window: Annotated[float | None, BeforeValidator(_window)] = 14 * 86_400.0
    attempt: Literal["best", "first"] = "best"
    ties: Literal["listed", "strictly_after"] = "listed"
    sequence: Column | None = None
    where: Text | None = None
    exclude: tuple[Annotated[Exclusion, BeforeValidator(_by_name)], ...] = ()
    hold: Columns = ()
    breakdown: Breakdown | None = None
    entered: Annotated[Entered, BeforeValidator(_half_open)] = Entered()
    as_of: Moment = None

    @model_validator(mode="after")
    def _holds_together(self) -> Funnel:
        for mistake in _mistakes(self):
            raise ValueError(mistake)
        return self

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
        steps = [_step_rules(step) for step in self.steps]
        return {**written, "window": in_words(self.window), "window_seconds": self.window, "steps": steps}


def in_words(seconds: float | None) -> str:
    """A duration as it may be written: `14 days`; None is unlimited."""
    if seconds is None:
        return "unlimited"
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}{'' if seconds == size else 's'}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def _step_rules(step: Step) -> dict[str, Any]:
    said = step.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    within = {"within": in_words(step.within)} if step.within is not None else {}
    return {**said, "name": step.title, **within}


def _mistakes(funnel: Funnel) -> Iterator[str]:
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


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; allowed is {', '.join(known)}"
