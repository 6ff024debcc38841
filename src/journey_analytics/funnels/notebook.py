"""A funnel in Python: from YAML to a pandas DataFrame.

from journey_analytics import Funnel

Funnel.from_yaml("checkout.yml").run("events.csv")
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from journey_analytics.errors import ConfigError, ConfigErrors
from journey_analytics.facts import funnels
from journey_analytics.facts.config import validated
from journey_analytics.facts.yamlfile import parse_yaml, read_yaml
from journey_analytics.funnels import comparing, inputs, instead, planner, shares, times, waterfall, weeks, words
from journey_analytics.funnels.inputs import Names, Opened
from journey_analytics.funnels.kept import Kept
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.planner import Answer
from journey_analytics.funnels.waterfall import Switched
from journey_analytics.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd


class Funnel:
    """A funnel that can be asked of any log.

    Parameters
    ----------
    definition : the funnel with all its rules, as YAML states it
    """

    def __init__(self, definition: funnels.Funnel) -> None:
        self.definition = definition

    @classmethod
    def from_yaml(cls, path_or_text: str | Path) -> Funnel:
        """Read a definition from a file, or from text that is YAML itself.

        Raises
        ------
        ConfigErrors : every mistake found, with its line and what is allowed
        """
        text = str(path_or_text)
        is_text = isinstance(path_or_text, str) and (":" in text) and not text.endswith((".yml", ".yaml"))
        document = parse_yaml(text, Path("funnel.yml")) if is_text else read_yaml(Path(text))
        mistakes: list[ConfigError] = []
        definition = validated(document, funnels.Funnel, mistakes)
        if definition is None:
            raise ConfigErrors(mistakes)
        return cls(definition)

    @property
    def rules(self) -> list[str]:
        """Every rule with its value, one sentence each."""
        return words.rules(self.definition)

    def run(
        self, events: Any, *, customer_id: str = "customer_id", event_at: str = "event_at",
        event_name: str = "event_name", table: str | None = None,
    ) -> pd.DataFrame:  # fmt: skip
        """Count the funnel.

        Parameters
        ----------
        events : the path of a CSV, JSON lines, Parquet or DuckDB file; an open DuckDB connection; a pandas DataFrame
        customer_id, event_at, event_name : what the input calls these columns
        table : which table of a database

        Returns
        -------
        one row per group and step, with counts, shares, intervals, times and revenue; shares are 0..1, times are in
        seconds, money is in minor units

        Raises
        ------
        ConfigError : the definition names a column that is not there, or the input has no such table
        InputError : the input cannot be read
        """
        found = self.answer(opened(events, Names(customer_id, event_at, event_name), table))
        return frame(found)

    def answer(self, log: Opened) -> Answer:
        """The answer with its rules, its path and its warnings, for an input that is open."""
        found = planner.answer(self._settled(log), self._log(log), log.warehouse)
        return Answer(found.funnel, found.rows, found.path, found.declined, (*log.warnings, *found.warnings))

    def customers(self, log: Opened, step: int, *, lost: bool) -> list[dict[str, Any]]:
        """Who reached a step, or who was lost before it; see planner.customers."""
        return planner.customers(self._settled(log), self._log(log), log.warehouse, step, lost=lost)

    def compared(self, log: Opened, preset: str, *, keep: Collection[str] = ()) -> list[Switched]:
        """From this definition's numbers to those of another tool, rule by rule; see waterfall.switched."""
        return list(waterfall.switched(self._settled(log), preset, self._log(log), log.warehouse, keep=keep))

    def times(self, log: Opened) -> list[dict[str, Any]]:
        """How long it takes from step to step: rows of `times.COLUMNS`."""
        with self._attempts(log) as kept:
            return list(times.rows(kept))

    def weeks(self, log: Opened) -> list[dict[str, Any]]:
        """How many get through, by the week in which they began: rows of `weeks.COLUMNS`."""
        with self._attempts(log) as kept:
            return list(weeks.rows(kept))

    def instead(self, log: Opened, step: int, *, within: float | None = None) -> list[dict[str, Any]]:
        """What those did next who were lost before a step, within so many seconds: rows of `instead.COLUMNS`."""
        with self._attempts(log) as kept:
            return list(instead.rows(kept, step, within))

    def compared_with_previous(self, log: Opened, length: float = comparing.PERIOD) -> list[dict[str, Any]]:
        """The latest period of so many seconds against the one before: rows of `comparing.COLUMNS`."""
        return list(comparing.with_previous(self._settled(log), self._log(log), log.warehouse, length))

    def compared_groups(self, log: Opened) -> list[dict[str, Any]]:
        """Every group of the breakdown against the largest: rows of `comparing.COLUMNS`."""
        return list(comparing.of_groups(self.definition, self.answer(log).rows))

    def sql(self, log: Opened, *, dialect: str = "duckdb") -> str:
        """The SELECTs that answer the funnel, to be read or pasted."""
        return ";\n\n".join(planner.statements(self._settled(log), self._log(log), dialect=dialect))

    def _attempts(self, log: Opened) -> AbstractContextManager[Kept]:
        return planner.attempts(self._settled(log), self._log(log), log.warehouse)

    def _log(self, log: Opened) -> Log:
        return inputs.with_journeys(log.log, self.definition, log.warehouse)

    def _settled(self, log: Opened) -> funnels.Funnel:
        """The definition with its as_of: its own, the night's, or just after the last event."""
        if self.definition.as_of is None and log.log.table == inputs.PUBLISHED:
            return self.definition.model_copy(update={"as_of": inputs.as_of_published(log.warehouse)})
        return planner.settled(self.definition, log.log, log.warehouse)


def opened(events: Any, names: Names, table: str | None = None) -> Opened:
    """Whatever holds events, open."""
    if isinstance(events, str | Path):
        return inputs.open_events(Path(events), names, table=table)
    if hasattr(events, "execute"):
        return inputs.open_database(Warehouse(events), names, table=table)
    return inputs.open_frame(events, names)


def frame(answer: Answer) -> pd.DataFrame:
    """The rows of an answer as a DataFrame with the columns of `shares.COLUMNS`."""
    import pandas as pd

    return pd.DataFrame([{name: row[name] for name in shares.COLUMNS} for row in answer.rows], columns=shares.COLUMNS)
