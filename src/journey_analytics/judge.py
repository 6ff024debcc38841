"""Judging: are tonight's feeds fit to be used, and are the built tables what their notes say?

Great Expectations decides, and this is the only module that imports it (and pandas). It judges what is small: each
feed's nightly profile (ops.feeds, ops.feed_days) and the marts. Rows of a feed are judged on landing, in SQL, where
every refused row is kept with its reasons; a table of more than SMALL_TABLE rows is counted in SQL first and Great
Expectations judges the counts, because its pandas engine needs about two seconds and half a gigabyte per million rows.

Everything happens in memory: an ephemeral context, no file, no network, no progress bar. Importing the library takes
about three seconds, so it is imported inside the functions; warm_up() does it beside other work.
"""

from __future__ import annotations

import logging
import math
import os
import sys
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from journey_analytics.errors import InternalError
from journey_analytics.facts.expectations import (
    CHECK_COLUMNS,
    Check,
    FeedExpectation,
    ModelCheck,
    SqlCheck,
    as_text,
    measure_in_words,
)
from journey_analytics.profiles import FEED_DAYS, FEEDS, count_sql, frame_sql, rendered_name, table_name

if TYPE_CHECKING:
    import pandas as pd

    from journey_analytics.warehouse import Warehouse

SMALL_TABLE = 20_000
SAMPLE_ROWS = 5
NAMED_DAYS = 12
_LARGEST = sys.float_info.max
_DAILY = "rows_vs_same_weekday"


def warm_up() -> threading.Thread:
    """Import Great Expectations beside other work, so that judging need not wait for it; join it or leave it."""
    thread = threading.Thread(target=_library, name="import-great-expectations")
    thread.start()
    return thread


def verdict(checks: Iterable[Check]) -> str:
    """The whole judgement in one word: 'fail' when a fail-check is unmet, 'warn' when any other is, else 'ok'."""
    unmet = {check.level for check in checks if not check.is_met}
    if "fail" in unmet:
        return "fail"
    return "warn" if unmet else "ok"


def judge_feeds(warehouse: Warehouse, feed_expectations: Mapping[str, Sequence[FeedExpectation]]) -> list[Check]:
    """Judge each feed's profile of this night, and write the results to ops.checks.

    rows_vs_same_weekday judges every day of the judged period in ops.feed_days; a day without a usual number of rows
    to compare with (NULL) has no basis and is left out. The other expectations judge the feed's row of ops.feeds: a
    share without rows to divide by is left out too, but a feed that never had an event does not meet
    hours_since_last_event, and one without a row there has 0 rows read.

    Parameters
    ----------
    warehouse : reads ops.feeds and ops.feed_days; earlier feed results in ops.checks are replaced
    feed_expectations : per source, what must hold of it

    Returns
    -------
    one Check per expectation, in the order given

    Raises
    ------
    InternalError : Great Expectations itself failed
    """
    asked = [(source, expectation) for source, listed in feed_expectations.items() for expectation in listed]
    if not asked:
        return _write(warehouse, ("feed",), [])
    profiles = {str(row["source"]): row for row in warehouse.rows(FEEDS)}
    days = _days_by_source(warehouse.frame(FEED_DAYS), feed_expectations)
    of_feeds, of_days, values = [], [], {}
    for number, (source, expectation) in enumerate(asked):
        if expectation.expect == _DAILY:
            of_days.append(_between(number, source, *expectation.bounds))
        else:
            column = f"{source}.{expectation.expect}"
            values[column] = _measure(profiles.get(source, {}), expectation.expect)
            of_feeds.append(_between(number, column, *expectation.bounds))
    context = _Context()
    profile = _numbers({column: [value] for column, value in values.items()})
    answers = context.ask("ops.feeds", profile, of_feeds) | context.ask("ops.feed_days", days, of_days)
    checks = []
    for number, (source, expectation) in enumerate(asked):
        answer = answers[number]
        if expectation.expect == _DAILY:
            observed, sample = _days_in_words(days[source], answer), ", ".join(map(str, answer.labels[:SAMPLE_ROWS]))
        else:
            observed, sample = measure_in_words(expectation.expect, values[f"{source}.{expectation.expect}"]), ""
        checks.append(
            expectation.result(
                source, is_met=answer.is_met, observed=observed, n_unexpected=answer.n_unexpected, sample=sample
            )
        )
    return _write(warehouse, ("feed",), checks)


def judge_marts(
    warehouse: Warehouse, model_checks: Mapping[str, Sequence[ModelCheck]], sql_checks: Sequence[SqlCheck]
) -> list[Check]:
    """Judge the built tables before they are published, and write the results to ops.checks.

    Tables of at most SMALL_TABLE rows are judged as frames, one batch and one suite each. For larger ones the
    offending rows are counted in SQL, as they are for sql/checks, and these counts are judged together: each must
    be 0. Both ways give the same counts; a test holds them to it.

    Parameters
    ----------
    warehouse : reads the tables named; earlier mart and model results in ops.checks are replaced
    model_checks : per table (schema and name), the checks of its .yml
    sql_checks : questions whose SELECT returns offending rows

    Returns
    -------
    one Check per model check, then one per SQL check, in the order given

    Raises
    ------
    InternalError : Great Expectations itself failed
    """
    asked = [(table, check) for table, listed in model_checks.items() for check in listed]
    if not asked and not sql_checks:
        return _write(warehouse, ("mart", "model"), [])
    context = _Context()
    answers: dict[int, _Answer] = {}
    counted: dict[int, _Answer] = {}
    for table in model_checks:
        numbered = {number: check for number, (owner, check) in enumerate(asked) if owner == table}
        n_rows = int(warehouse.scalar(f"select count(*) from {table_name(table)}"))
        if n_rows <= SMALL_TABLE:
            answers |= _judge_frame(context, warehouse, table, numbered)
        else:
            counted |= _count_in_sql(warehouse, table, numbered)
    for number, check in enumerate(sql_checks, start=len(asked)):
        counted[number] = _count_offending(warehouse, check)
    if counted:
        counts = _numbers({"n_unexpected": [answer.n_unexpected for answer in counted.values()]}, list(counted))
        unmet = context.ask("counts", counts, [_between(0, "n_unexpected", 0, 0)])[0].labels
        answers |= {number: replace(answer, is_met=number not in unmet) for number, answer in counted.items()}
    results = [
        check.result(n_judged=answers[number].n_judged, **answers[number].verdict)
        for number, (_, check) in enumerate(asked)
    ]
    results += [check.result(**answers[number].verdict) for number, check in enumerate(sql_checks, start=len(asked))]
    return _write(warehouse, ("mart", "model"), results)


@dataclass(frozen=True)
class _Question:
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
class _Answer:
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

    def joined(self, other: _Answer | None) -> _Answer:
        """Two answers to one check: it holds when both do, and what does not hold adds up."""
        if other is None:
            return self
        return _Answer(
            self.is_met and other.is_met,
            self.n_unexpected + other.n_unexpected,
            self.n_judged + other.n_judged,
            tuple(sorted({*self.labels, *other.labels})),
        )


def _between(number: int, column: str, least: float | None, most: float | None) -> _Question:
    """A question about bounds; a missing bound still demands a finite number, so infinity never passes."""
    bounds = -_LARGEST if least is None else least, _LARGEST if most is None else most
    return _Question(number, "between", (column,), *bounds)


class _Context:
    """Great Expectations in memory: one batch and one suite per frame."""

    def __init__(self) -> None:
        self.library = _library()
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

    def ask(self, name: str, frame: pd.DataFrame, questions: Sequence[_Question]) -> dict[int, _Answer]:
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
        answers: dict[int, _Answer] = {}
        for place, question in enumerate(questions):
            answer = _read_answer(name, found[place], question.n_judged(frame))
            answers[question.number] = answer.joined(answers.get(question.number))
        return answers

    def _validate(self, frame: pd.DataFrame, suite: Any, result_format: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.frame.get_batch({"dataframe": frame}).validate(suite, result_format=result_format)

    def _expectation(self, place: int, question: _Question) -> Any:
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


def _library() -> Any:
    """Great Expectations with its telemetry off before it is imported, and without its log lines."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations

    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    return great_expectations


def _read_answer(name: str, result: Any, n_judged: int) -> _Answer:
    """One result of Great Expectations; an expectation that could not be judged is a fault, not an unmet one."""
    failure = result.exception_info
    details = failure.values() if failure and "raised_exception" not in failure else [failure or {}]
    raised = [detail.get("exception_message") for detail in details if detail.get("raised_exception")]
    if raised:
        raise InternalError(f"Great Expectations could not judge: {raised[0]}", where=name)
    labels = tuple(result.result.get("unexpected_index_list") or ())
    return _Answer(bool(result.success), int(result.result.get("unexpected_count", 0)), n_judged, labels)


def _days_by_source(long: pd.DataFrame, sources: Iterable[str]) -> pd.DataFrame:
    """One row per day (the index, as text) and one column of ratios per source."""
    wide = long.pivot(index="on_date", columns="source", values=_DAILY)
    return wide.reindex(columns=list(sources)).astype("float64").rename_axis(index=None)


def _measure(profile: Mapping[str, Any], expect: str) -> float:
    """A feed's measure; where there is nothing to measure: no rows are 0, no event is endless, no share is nan."""
    value = profile.get(expect)
    if value is not None and not math.isnan(value):
        return float(value)
    return {"rows_read": 0.0, "hours_since_last_event": math.inf}.get(expect, math.nan)


def _numbers(columns: Mapping[str, Sequence[float]], index: list[int] | None = None) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns, index=index, dtype="float64")


def _judge_frame(
    context: _Context, warehouse: Warehouse, table: str, checks: Mapping[int, ModelCheck]
) -> dict[int, _Answer]:
    frame = warehouse.frame(frame_sql(table, list(checks.values())))
    questions = []
    for number, check in checks.items():
        columns = tuple(rendered_name(check, column) for column in check.judged_columns)
        if check.expect == "between":
            questions.append(_between(number, columns[0], check.at_least, check.at_most))
        elif check.expect == "not_null":
            questions += [_Question(number, "not_null", (column,)) for column in columns]
        else:
            listed = tuple(map(as_text, check.values or ()))
            questions.append(_Question(number, check.expect, columns, values=listed))
    answers = context.ask(table, frame, questions)
    return {number: replace(answer, sample=_rows_in_words(frame, answer.labels)) for number, answer in answers.items()}


def _count_in_sql(warehouse: Warehouse, table: str, checks: Mapping[int, ModelCheck]) -> dict[int, _Answer]:
    counts = warehouse.rows(count_sql(table, list(checks.values())))[0]
    return {
        number: _Answer(False, int(counts[f"unexpected_{position}"]), int(counts[f"judged_{position}"]))
        for position, number in enumerate(checks)
    }


def _count_offending(warehouse: Warehouse, check: SqlCheck) -> _Answer:
    """How many rows the question returns, and the first of them in the order of all their columns."""
    offending = f"select * from (\n{check.sql.rstrip().rstrip(';')}\n) as offending"
    n_rows = int(warehouse.scalar(f"select count(*) from (\n{offending}\n) as counted"))
    rows = warehouse.rows(f"{offending} order by all limit {SAMPLE_ROWS}") if n_rows else []
    return _Answer(False, n_rows, n_rows, sample=_in_words(rows))


def _days_in_words(ratios: pd.Series[float], answer: _Answer) -> str:
    """Which days do not hold, with their ratios; or the range of those that do."""
    if not answer.n_judged:
        return "no day with a usual number of rows to compare with"
    if answer.is_met:
        low, high = measure_in_words("", round(ratios.min(), 2)), measure_in_words(_DAILY, ratios.max())
        return f"{low} to {high} on {answer.n_judged} days"
    named = ", ".join(f"{day} ({ratios[day]:.3g})" for day in answer.labels[:NAMED_DAYS])
    more = f" and {len(answer.labels) - NAMED_DAYS} more" if len(answer.labels) > NAMED_DAYS else ""
    return f"{named}{more}, of {answer.n_judged} days"


def _rows_in_words(frame: pd.DataFrame, labels: Sequence[Any]) -> str:
    """The first offending rows, each as its judged columns."""
    return _in_words(frame.loc[list(labels[:SAMPLE_ROWS])].to_dict("records"))


def _in_words(rows: Iterable[Mapping[Any, Any]]) -> str:
    return "; ".join(", ".join(f"{column}={value}" for column, value in row.items()) for row in rows)


def _write(warehouse: Warehouse, scopes: tuple[str, ...], checks: list[Check]) -> list[Check]:
    """Replace the results of these scopes in ops.checks; a check_id met twice gets a number."""
    seen: dict[str, int] = {}
    numbered = []
    for check in checks:
        seen[check.check_id] = seen.get(check.check_id, 0) + 1
        times = seen[check.check_id]
        numbered.append(check if times == 1 else replace(check, check_id=f"{check.check_id}:{times}"))
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in CHECK_COLUMNS.items())
    warehouse.execute(f"create table if not exists ops.checks ({columns})")
    warehouse.execute("comment on table ops.checks is 'One row per judged expectation of this night.'")
    for name, (_, meaning) in CHECK_COLUMNS.items():
        warehouse.execute(f"comment on column ops.checks.{name} is '{meaning}'")
    for scope in scopes:
        warehouse.execute("delete from ops.checks where scope = ?", [scope])
    if numbered:
        warehouse.append("ops.checks", [asdict(check) for check in numbered])
    return numbered
