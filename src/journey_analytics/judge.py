"""Judging: are tonight's feeds fit to be used, and are the built tables what their notes say?

Great Expectations decides (see `asking`). It judges what is small: each feed's nightly profile (ops.feeds,
ops.feed_days, and what `measures` takes besides) and the marts. Rows of a feed are judged on landing, in SQL, where
every refused row is kept with its reasons; a table of more than SMALL_TABLE rows is counted in SQL first and Great
Expectations judges the counts, because its pandas engine needs about two seconds and half a gigabyte per million rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from journey_analytics.asking import Answer, Context, Question, between_bounds, library, numbers
from journey_analytics.facts.expectations import (
    CHECK_COLUMNS,
    Check,
    FeedExpectation,
    ModelCheck,
    SqlCheck,
    as_text,
    measure_in_words,
)
from journey_analytics.measures import Measured, measure, unknown
from journey_analytics.profiles import FEED_DAYS, count_sql, frame_sql, rendered_name, table_name

if TYPE_CHECKING:
    import pandas as pd

    from journey_analytics.warehouse import Warehouse

SMALL_TABLE = 20_000
SAMPLE_ROWS = 5
NAMED_DAYS = 12
_DAILY = "rows_vs_same_weekday"


def warm_up() -> threading.Thread:
    """Import Great Expectations beside other work, so that judging need not wait for it; join it or leave it."""
    thread = threading.Thread(target=library, name="import-great-expectations")
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
    asked += unknown(warehouse, list(feed_expectations))
    if not asked:
        return _write(warehouse, ("feed",), [])
    measured = measure(warehouse, asked)
    days = _days_by_source(warehouse.frame(FEED_DAYS), feed_expectations)
    of_feeds = [
        between_bounds(number, str(number), *expectation.bounds)
        for number, (_, expectation) in enumerate(asked) if expectation.expect != _DAILY
    ]  # fmt: skip
    of_days = [
        between_bounds(number, source, *expectation.bounds)
        for number, (source, expectation) in enumerate(asked) if expectation.expect == _DAILY
    ]  # fmt: skip
    context = Context()
    profile = numbers({str(number): [one.value] for number, one in enumerate(measured)})
    answers = context.ask("ops.feeds", profile, of_feeds) | context.ask("ops.feed_days", days, of_days)
    checks = []
    for number, (source, expectation) in enumerate(asked):
        answer = answers[number]
        if expectation.expect == _DAILY:
            observed, sample = _days_in_words(days[source], answer), ", ".join(map(str, answer.labels[:SAMPLE_ROWS]))
        else:
            observed, sample = _measured_in_words(expectation.expect, measured[number]), measured[number].in_words
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
    context = Context()
    answers: dict[int, Answer] = {}
    counted: dict[int, Answer] = {}
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
        counts = numbers({"n_unexpected": [answer.n_unexpected for answer in counted.values()]}, list(counted))
        unmet = context.ask("counts", counts, [between_bounds(0, "n_unexpected", 0, 0)])[0].labels
        answers |= {number: replace(answer, is_met=number not in unmet) for number, answer in counted.items()}
    results = [
        check.result(n_judged=answers[number].n_judged, **answers[number].verdict)
        for number, (_, check) in enumerate(asked)
    ]
    results += [check.result(**answers[number].verdict) for number, check in enumerate(sql_checks, start=len(asked))]
    return _write(warehouse, ("mart", "model"), results)


def _days_by_source(long: pd.DataFrame, sources: Iterable[str]) -> pd.DataFrame:
    """One row per day (the index, as text) and one column of ratios per source."""
    wide = long.pivot(index="on_date", columns="source", values=_DAILY)
    return wide.reindex(columns=list(sources)).astype("float64").rename_axis(index=None)


def _measured_in_words(expect: str, measured: Measured) -> str:
    named = f": {measured.in_words}" if measured.named else ""
    return f"{measure_in_words(expect, measured.value)}{named}"


def _judge_frame(
    context: Context, warehouse: Warehouse, table: str, checks: Mapping[int, ModelCheck]
) -> dict[int, Answer]:
    frame = warehouse.frame(frame_sql(table, list(checks.values())))
    questions = []
    for number, check in checks.items():
        columns = tuple(rendered_name(check, column) for column in check.judged_columns)
        if check.expect == "between":
            questions.append(between_bounds(number, columns[0], check.at_least, check.at_most))
        elif check.expect == "not_null":
            questions += [Question(number, "not_null", (column,)) for column in columns]
        else:
            listed = tuple(map(as_text, check.values or ()))
            questions.append(Question(number, check.expect, columns, values=listed))
    answers = context.ask(table, frame, questions)
    return {number: replace(answer, sample=_rows_in_words(frame, answer.labels)) for number, answer in answers.items()}


def _count_in_sql(warehouse: Warehouse, table: str, checks: Mapping[int, ModelCheck]) -> dict[int, Answer]:
    counts = warehouse.rows(count_sql(table, list(checks.values())))[0]
    return {
        number: Answer(False, int(counts[f"unexpected_{position}"]), int(counts[f"judged_{position}"]))
        for position, number in enumerate(checks)
    }


def _count_offending(warehouse: Warehouse, check: SqlCheck) -> Answer:
    """How many rows the question returns, and the first of them in the order of all their columns."""
    offending = f"select * from (\n{check.sql.rstrip().rstrip(';')}\n) as offending"
    n_rows = int(warehouse.scalar(f"select count(*) from (\n{offending}\n) as counted"))
    rows = warehouse.rows(f"{offending} order by all limit {SAMPLE_ROWS}") if n_rows else []
    return Answer(False, n_rows, n_rows, sample=_in_words(rows))


def _days_in_words(ratios: pd.Series[float], answer: Answer) -> str:
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
