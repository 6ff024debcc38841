"""The small vocabulary that every YAML file shares: durations, shares, names, and which events a rule means."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(second|minute|hour|day|week)s?\s*$")
# What Python's expressions have and a linear-time engine has not: look-around, conditions, back-references, possessive
# and atomic groups, repeats above a thousand, escapes of its own.
_BACKTRACKING = re.compile(
    r"(?<!\\)(?:\\\\)*(?:\(\?(?:[=!>(]|<[=!]|P=)|\\[1-9]|\\[ZuUN]|[*+?}]\+|\{(?:\d{5,}|[1-9]\d{3})[,}])"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
LONGEST_DURATION = 36_500 * 86_400


class Strict(BaseModel):
    """A part of a YAML file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True, allow_inf_nan=False)


def parse_duration(value: Any) -> float:
    """`14 days` as seconds.

    Raises
    ------
    ValueError : anything but a positive number followed by seconds, minutes, hours, days or weeks
    """
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None or float(match[1]) <= 0:
        raise ValueError(
            f"'{value}' is not a duration; allowed is a number and a unit, such as 30 minutes, 24 hours or 14 days"
        )
    seconds = float(match[1]) * _SECONDS[match[2]]
    if seconds > LONGEST_DURATION:
        raise ValueError(f"'{value}' is longer than a hundred years")
    return seconds


def _share(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool) and not 0 <= value <= 1:
        hint = f", so {value / 100:g} and not {value:g}" if 1 < value <= 100 else ""
        raise ValueError(f"{value:g} is not a share; allowed is 0 to 1{hint}")
    return value


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) or value is None else [value]


def _as_text(value: Any) -> Any:
    """YAML reads `5.12` as a number and `2026-03-04` as a date; in a text field both are what was typed."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if value is None or isinstance(value, str | list | dict) else str(value)


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError(f"{value!a} holds characters that are not shown; allowed is plain text")
    return unicodedata.normalize("NFC", value)


def _regex(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"'{value}' is not a regular expression: {error}") from error
    if _BACKTRACKING.search(value):
        raise ValueError(f"'{value}' uses look-around or a back-reference, which the linear-time engine does not have")
    return value


def _link(value: str) -> str:
    if not re.match(r"^(https://|mailto:)\S+$", value):
        raise ValueError(f"'{value}' is not a link that a report may show; allowed is https:// or mailto:")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
Text = Annotated[
    str, BeforeValidator(_as_text), StringConstraints(min_length=1, max_length=500), AfterValidator(_printable)
]
Name = Annotated[str, BeforeValidator(_as_text), StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_as_list)]
Pattern = Annotated[str, AfterValidator(_regex)]
Link = Annotated[str, AfterValidator(_link)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]


class When(Strict):
    """Which events a rule means. Every test given must hold; within one test any of its values will do."""

    source: Name | None = None
    event: Texts | None = None
    path: Text | None = None
    path_matches: Pattern | None = None
    device: Texts | None = None
    campaign: Text | None = None
    properties: dict[Name, Texts] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather_properties(cls, value: Any) -> Any:
        """`properties.channel: chat` is one test on one property."""
        if isinstance(value, str):
            return {"event": value}
        if not isinstance(value, dict):
            return value
        gathered = {key: test for key, test in value.items() if not key.startswith("properties.")}
        tests = {key.removeprefix("properties."): test for key, test in value.items() if key.startswith("properties.")}
        return {**gathered, "properties": {**gathered.get("properties", {}), **tests}} if tests else gathered

    @model_validator(mode="after")
    def _says_something(self) -> When:
        if not any(
            [self.source, self.event, self.path, self.path_matches, self.device, self.campaign, self.properties]
        ):
            raise ValueError(
                "a rule needs at least one test: "
                "source, event, path, path_matches, device, campaign or properties.<name>"
            )
        return self


Whens = Annotated[tuple[When, ...], BeforeValidator(_as_list), Field(min_length=1)]
