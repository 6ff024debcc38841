"""The parts of a funnel as YAML states them: its steps, what is excluded, its ranges, and how ties are taken."""

from __future__ import annotations

import datetime
import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from journey_analytics.facts.fields import Duration, Strict, Text, Texts, parse_duration

ANY_EVENT = "*"
TIES = ("listed", "strictly_after")
UNITS = {1.0: "second", 60.0: "minute", 3600.0: "hour"}
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


def _ties(value: Any) -> Any:
    """One of the words for ties, or a tolerance."""
    if isinstance(value, dict | Tolerance) or value in TIES:
        return value
    near = difflib.get_close_matches(str(value), TIES, n=1)
    raise ValueError(
        f"'{value}' is no rule for ties" + (f"; did you mean '{near[0]}'?" if near else "")
        + f"; allowed is {', '.join(TIES)}, {{any_order_within: 2 seconds}} or {{rounded_to: 1 second}}"
    )  # fmt: skip


def _unit(value: Any) -> Any:
    """A whole unit of time to which times are rounded, in seconds."""
    seconds = parse_duration(value)
    if seconds not in UNITS:
        raise ValueError(f"'{value}' is no unit that times are rounded to; allowed is 1 second, 1 minute or 1 hour")
    return seconds


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


class Tolerance(Strict):
    """Which events near one another are taken as if they had happened together."""

    any_order_within: Duration | None = None
    rounded_to: Annotated[float, BeforeValidator(_unit)] | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Tolerance:
        if (self.any_order_within is None) == (self.rounded_to is None):
            raise ValueError("needs exactly one of any_order_within and rounded_to")
        return self


Ties = Annotated[
    Annotated[str, Tag("[word]")] | Annotated[Tolerance, Tag("[tolerance]")],
    Discriminator(lambda value: "[tolerance]" if isinstance(value, dict | Tolerance) else "[word]"),
    BeforeValidator(_ties),
]


Window = Annotated[float | None, BeforeValidator(_window)]
StepOrName = Annotated[Step, BeforeValidator(_by_name)]
ExclusionOrName = Annotated[Exclusion, BeforeValidator(_by_name)]
Range = Annotated[Entered, BeforeValidator(_half_open)]


def in_words(seconds: float | None) -> str:
    """A duration as it may be written: `14 days`; None is unlimited."""
    if seconds is None:
        return "unlimited"
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            return f"{seconds / size:g} {unit}{'' if seconds == size else 's'}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"


def ties_rules(ties: str | Tolerance) -> str | dict[str, str]:
    """A rule for ties as it may be written."""
    if isinstance(ties, str):
        return ties
    return {name: in_words(seconds) for name, seconds in ties.model_dump(exclude_none=True).items()}


def ties_in_words(ties: str | Tolerance) -> str:
    """A rule for ties as it is said: `strictly after`, `any order within 2 seconds`."""
    said = ties_rules(ties)
    words = said if isinstance(said, str) else " ".join(f"{name} {value}" for name, value in said.items())
    return words.replace("_", " ")


def step_rules(step: Step) -> dict[str, Any]:
    """What a step says, as it may be written."""
    said = step.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    within = {"within": in_words(step.within)} if step.within is not None else {}
    return {**said, "name": step.title, **within}
