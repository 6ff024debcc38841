"""Great Expectations, asked about frames: the only module that imports it (and pandas).

Everything happens in memory: an ephemeral context, no file, no network, no progress bar. Importing the library takes
about three seconds, so it is imported inside the functions.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journey_analytics.errors import InternalError

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = sys.float_info.max


@dataclass(frozen=True)
class Question:
    """One thing asked of a frame; several may belong to one check."""

    number: int
    kind: str
    columns: tuple[str, ...]
    least: float = -_LARGEST
    most: float = _LARGEST
    values: tuple[str, ...] = ()

    def n_judged(self, frame: pd.DataFrame) -> int:
        """How many rows the question is about: all of them, or those that are not empty."""
        filled = frame[list(self.columns)].notna().any(axis="columns")
        return len(frame) if self.kind == "not_null" else int(filled.sum())


@dataclass(frozen=True)
class Answer:
    """What Great Expectations said: whether it holds, how many do not, of how many, where, and the first of them."""

    is_met: bool
    n_unexpected: int
    n_judged: int
    labels: tuple[Any, ...] = ()  # of the rows that do not hold, in the frame's index
    sample: str = ""

    @property
    def verdict(self) -> dict[str, Any]:
        """What every kind of check wants to know."""
        return {"is_met": self.is_met, "n_unexpected": self.n_unexpected, "sample": self.sample}

    def joined(self, other: Answer | None) -> Answer:
        """Two answers to one check: it holds when both do, and what does not hold adds up."""
        if other is None:
            return self
        return Answer(
            self.is_met and other.is_met,
            self.n_unexpected + other.n_unexpected,
            self.n_judged + other.n_judged,
            tuple(sorted({*self.labels, *other.labels})),
        )


def between_bounds(number: int, column: str, least: float | None, most: float | None) -> Question:
    """A question about bounds; a missing bound still demands a finite number, so infinity never passes."""
    bounds = -_LARGEST if least is None else least, _LARGEST if most is None else most
    return Question(number, "between", (column,), *bounds)


class Context:
    """Great Expectations in memory: one batch and one suite per frame."""

    def __init__(self) -> None:
        self.library = library()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from great_expectations.data_context.types.base import (
                DataContextConfig,
                InMemoryStoreBackendDefaults,
                ProgressBarsConfig,
            )

            # Left to itself an ephemeral context still makes a folder for its documentation site.
            settings = DataContextConfig(
                store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
                progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
                analytics_enabled=False,
            )
            context = self.library.get_context(mode="ephemeral", project_config=settings)
            # One asset for every frame: each new one makes the context write itself out as YAML again.
            asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
            self.frame = asset.add_batch_definition_whole_dataframe("whole")

    def ask(self, name: str, frame: pd.DataFrame, questions: Sequence[Question]) -> dict[int, Answer]:
        """The answer per check number; the frame's index labels say where it does not hold.

        Most nights everything holds, and knowing so takes half the time of listing what does not: the list is asked
        for only when there is one.
        """
        if not questions:
            return {}
        expected = [self._expectation(place, question) for place, question in enumerate(questions)]
        suite = self.library.ExpectationSuite(name=name, expectations=expected)
        result = self._validate(frame, suite, "BOOLEAN_ONLY")
        if not result.success:
            result = self._validate(frame, suite, "COMPLETE")
        found = {int(one.expectation_config.meta["place"]): one for one in result.results}
        if len(found) != len(questions):
            raise InternalError(f"Great Expectations answered {len(found)} of {len(questions)} questions", where=name)
        answers: dict[int, Answer] = {}
        for place, question in enumerate(questions):
            answer = _read_answer(name, found[place], question.n_judged(frame))
            answers[question.number] = answer.joined(answers.get(question.number))
        return answers

    def _validate(self, frame: pd.DataFrame, suite: Any, result_format: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.frame.get_batch({"dataframe": frame}).validate(suite, result_format=result_format)

    def _expectation(self, place: int, question: Question) -> Any:
        known, meta = self.library.expectations, {"place": place}
        match question.kind:
            case "between":
                return known.ExpectColumnValuesToBeBetween(
                    column=question.columns[0], min_value=question.least, max_value=question.most, meta=meta
                )
            case "values":
                return known.ExpectColumnValuesToBeInSet(
                    column=question.columns[0], value_set=list(question.values), meta=meta
                )
            case "not_null":
                return known.ExpectColumnValuesToNotBeNull(column=question.columns[0], meta=meta)
            case "unique" if len(question.columns) == 1:
                return known.ExpectColumnValuesToBeUnique(column=question.columns[0], meta=meta)
            case _:
                return known.ExpectCompoundColumnsToBeUnique(column_list=list(question.columns), meta=meta)


def library() -> Any:
    """Great Expectations with its telemetry off before it is imported, and without its log lines."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


def _read_answer(name: str, result: Any, n_judged: int) -> Answer:
    """One result of Great Expectations; an expectation that could not be judged is a fault, not an unmet one."""
    failure = result.exception_info
    details = failure.values() if failure and "raised_exception" not in failure else [failure or {}]
    raised = [detail.get("exception_message") for detail in details if detail.get("raised_exception")]
    if raised:
        raise InternalError(f"Great Expectations could not judge: {raised[0]}", where=name)
    labels = tuple(result.result.get("unexpected_index_list") or ())
    return Answer(bool(result.success), int(result.result.get("unexpected_count", 0)), n_judged, labels)


def numbers(columns: Mapping[str, Sequence[float]], index: list[int] | None = None) -> pd.DataFrame:
    """Columns of numbers as a frame."""
    import pandas as pd

    return pd.DataFrame(columns, index=index, dtype="float64")
