"""What a feed's contract may say of its values: ranges, scales, money, and what to do about what it does not know.

`pipelines/README.md` has every key in one table.
"""

from __future__ import annotations

import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from journey_analytics.facts.fields import Duration, Name, Strict, Texts

SCALES = MappingProxyType({"nps_10": (0, 10), "csat_5": (1, 5), "ces_7": (1, 7), "stars_5": (1, 5), "thumb": (0, 1)})
"""The lowest and the highest point of each scale; a point is a whole number."""

ON_NEW = MappingProxyType(
    {
        "evolve": "it is counted and told by name; the night goes on as if nothing had happened",
        "warn": "the same, and the night ends with a warning until the contract knows it",
        "freeze": "the same, and what rests on the feed is frozen until the contract knows it",
        "reject_row": "the row is refused, and kept in quarantine until the contract knows it",
    }
)
"""What a contract can say to a value, a type or a column that it does not know."""

_EARLIEST = datetime.date(2000, 1, 1)


def _spelt(value: Any) -> Any:
    """`reject` is how a row's refusal was once written."""
    return "reject_row" if value == "reject" else value


OnNew = Annotated[Literal["evolve", "warn", "freeze", "reject_row"], BeforeValidator(_spelt)]


class Plausible(Strict):
    """Between when and the night a row can have happened."""

    after: datetime.date = _EARLIEST


class ColumnRules(Strict):
    """What may stand in a column, beyond its type."""

    values: Texts | None = None
    on_new_value: OnNew | None = None
    on_new_type: OnNew | None = None
    at_least: float | None = None
    at_most: float | None = None
    scale: Literal["nps_10", "csat_5", "ces_7", "stars_5", "thumb"] | None = None
    not_answered: Texts = ()
    decimal: Literal[".", ","] = "."
    unit: Literal["major", "minor"] = "major"
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3}|[a-z][a-z0-9_]{0,62})$")] | None = None

    def check_rules(self, kind: str, *, must_hold: bool) -> None:
        """Raise ValueError where a rule does not fit a column of this type; `must_hold`: it may not be left empty."""
        if self.values and kind != "text":
            raise ValueError("`values` belongs to a column of type text")
        if self.on_new_value and not self.values:
            raise ValueError("`on_new_value` belongs to a column that lists its `values`")
        if (kind == "score") != (self.scale is not None):
            raise ValueError("a column of type score has a `scale`, and no other has: " + ", ".join(SCALES))
        if (kind == "money") != (self.currency is not None):
            raise ValueError("a column of type money says its `currency` (a code, or the column that holds it)")
        if self.unit != "major" and kind != "money":
            raise ValueError("`unit` belongs to a column of type money")
        if self.decimal != "." and kind not in ("number", "money"):
            raise ValueError("`decimal` belongs to a column of type number or money")
        if (self.at_least is not None or self.at_most is not None) and kind not in ("integer", "number", "money"):
            raise ValueError("`at_least` and `at_most` belong to a column of type integer, number or money")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"at least {self.at_least:g} and at most {self.at_most:g}: nothing can meet both")
        if self.on_new_type not in (None, "reject_row") and must_hold:
            raise ValueError("a required column and the event time refuse rows of another type: `reject_row`")
        if self.on_new_type and kind in ("text", "url", "properties", "content"):
            raise ValueError("`on_new_type` belongs to a column whose type a text can fail to be")


class FeedRules(Strict):
    """What holds of all rows of a feed; a column's own word goes before the feed's."""

    clock_tolerance: Duration = 86_400.0
    plausible: Plausible = Plausible()
    on_new_value: OnNew = "warn"
    on_new_type: OnNew = "reject_row"
    on_new_column: OnNew | None = None
    ignored: Texts = ()
    latest_by: Name | None = None

    @model_validator(mode="after")
    def _is_ahead_of_nobody(self) -> FeedRules:
        if self.plausible.after < datetime.date(1900, 1, 1):
            raise ValueError("`plausible` begins in 1900 at the earliest")
        return self
