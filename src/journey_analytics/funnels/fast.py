"""The fast way of counting: one pass over a table that is sorted by customer and time already, and arrays from there.

It answers the plain question (steps in order, customers counted, one window) and declines every other. The pass itself
says whether the table is sorted: every row is compared with the one before it, and a single one out of place sends the
question to the compiled SELECT. So it is exact or it does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.funnelparts import Entered, ties_in_words
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import kernel, marks, waiting
from journey_analytics.funnels import sqltree as sql
from journey_analytics.funnels.compiler import written
from journey_analytics.funnels.engines import Declined, Row
from journey_analytics.funnels.marks import NONE, Question
from journey_analytics.funnels.summary import EVERYONE, OTHER
from journey_analytics.warehouse import Warehouse

MICROSECOND = 1_000_000
WORTH_SHARING = 2_000_000
MOST_STEPS = 100


@dataclass(frozen=True)
class Scan:
    """What one pass brought: the events of the steps, and what may be wanted of them later."""

    events: kernel.Events
    ways: kernel.Ways
    revenue: NDArray[np.int64] | None
    has_revenue: NDArray[np.bool_] | None
    row: NDArray[np.int64] | None


@dataclass(frozen=True)
class Group:
    """Some of the customers: who they are in the answer, and which rows of the ways they have."""

    segment: str
    value: str | None
    members: NDArray[np.int64]


class Sorted:
    """One pass over a sorted table."""

    name = "sorted pass"

    def declines(self, question: Question, warehouse: Warehouse) -> str | None:
        """The plain question about a table of the database is answered; whether it is sorted shows on the way."""
        funnel = question.funnel
        for is_used, rule in (
            (funnel.order != "ordered", f"order: {funnel.order}"),
            (funnel.count != "customers", f"count: {funnel.count}"),
            (funnel.ties != "listed", f"ties: {ties_in_words(funnel.ties)}"),
            (funnel.range == "whole" and funnel.entered != Entered(), "range: whole"),
            (funnel.sequence is not None, "a sequence"),
            (bool(funnel.exclude), "exclusions"),
            (bool(funnel.hold), "held properties"),
            (question.per_value, "a breakdown at all"),
            (any(step.optional for step in funnel.steps), "optional steps"),
            (any(step.within is not None for step in funnel.steps), "a step's own within"),
            (any(step.first_time for step in funnel.steps), "first-time steps"),
            (len(funnel.steps) > MOST_STEPS, "so many steps"),
        ):
            if is_used:
                return f"it does not count with {rule}"
        if not _is_table(question.log.table, warehouse):
            return "the events are not a table of the database"
        return None

    def steps(self, question: Question, warehouse: Warehouse, *, segments: str | None = None) -> list[Row]:
        """Scan once, in as many parts as there are threads, and count.

        Raises
        ------
        Declined : the table is not sorted, or one event makes two steps
        """
        scans = list(_scans(question, warehouse, needs_row=bool(segments or question.funnel.breakdown)))
        if not any(len(scan.ways.furthest) for scan in scans):
            return []
        counted = _joined(question, scans)
        found = list(_groups(question, warehouse, scans, counted, segments))
        return [row for group in found for row in counted.rows(question.funnel, group)]


def _is_table(name: str, warehouse: Warehouse) -> bool:
    schema, _, table = name.rpartition(".")
    found = warehouse.scalar(
        "select count(*) from duckdb_tables() where table_name = $1 and ($2 = '' or schema_name = $2)", [table, schema]
    )
    return bool(found)


# --- the pass


def _scans(question: Question, warehouse: Warehouse, *, needs_row: bool) -> Iterator[Scan]:
    parts = _parts(question, warehouse)
    if len(parts) == 1:
        yield _scan(question, warehouse, parts[0], needs_row)
        return
    with ThreadPoolExecutor(max_workers=len(parts)) as pool:
        work = [pool.submit(_scan, question, warehouse.beside(), part, needs_row) for part in parts]
        yield from (each.result() for each in work)


def _parts(question: Question, warehouse: Warehouse) -> list[str]:
    """Conditions that cut the table between two customers into as many parts as there are threads."""
    table = question.log.table
    size = int(warehouse.scalar(f"select count(*) from {table}"))
    threads = int(warehouse.scalar("select current_setting('threads')"))
    if size < WORTH_SHARING or threads < 2:
        return ["true"]
    cuts = []
    for part in range(1, threads):
        cut = warehouse.scalar(f"""
            with beside as (
                select rowid as row, customer_id, lag(customer_id) over () as customer_before
                from {table} where rowid >= {size * part // threads})
            select row from beside where customer_before <> customer_id limit 1""")
        if cut is not None and cut not in cuts:
            cuts.append(int(cut))
    ends = [0, *cuts, size]
    return [f"rowid >= {low} and rowid < {high}" for low, high in pairwise(ends)]


def _scan(question: Question, warehouse: Warehouse, part: str, needs_row: bool) -> Scan:
    funnel, log = question.funnel, question.log
    has_revenue = "revenue_minor" in log.columns
    found = warehouse.arrays(_pass(question, part, needs_row))
    if found["is_out_of_place"].any():
        raise Declined("the table is not sorted by customer and time")
    if "is_twice" in found and found["is_twice"].any():
        raise Declined("one event makes two steps")
    events = kernel.Events(found["step"], found["moment"], found["is_new"])
    if kernel.out_of_order(events):
        raise Declined("the table is not sorted by customer and time")
    revenue, known = _parted(found["revenue_minor"]) if has_revenue else (None, None)
    row = found.get("row")
    order = kernel.in_listed_order(events)
    if (
        order is not None
    ):  # the first row of a customer stays the first place of a customer, whichever event stands there
        events = kernel.Events(events.step[order], events.moment[order], events.is_new)
        revenue = revenue[order] if revenue is not None else None
        known = known[order] if known is not None else None
        row = row[order] if row is not None else None
    ways = kernel.ways(
        events, len(funnel.steps), only_first=funnel.attempt == "first", now=_micros(funnel.as_of) or 0,
        window=None if funnel.window is None else round(funnel.window * MICROSECOND),
        entered=(_micros(funnel.entered.from_), _micros(funnel.entered.to)),
    )  # fmt: skip
    return Scan(events, ways, revenue, known, row)


def _parted(column: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """A column's values, 0 where there is none, and where there is one."""
    if isinstance(column, np.ma.MaskedArray):
        return np.asarray(column.filled(0), dtype=np.int64), ~np.ma.getmaskarray(column)
    return column.astype(np.int64), np.ones(len(column), dtype=bool)


def _micros(moment: Any) -> int | None:
    return None if moment is None else int(np.datetime64(moment, "us").astype(np.int64))


def _pass(question: Question, part: str, needs_row: bool) -> str:
    """The SELECT of the pass: which step each event is, and how it stands beside the one before it."""
    funnel, log = question.funnel, question.log
    step, is_twice = _step_of(question)
    has_revenue = "revenue_minor" in log.columns
    known = ["customer_id is not null", "event_at is not null", part]
    known += [f"event_at < {written(sql.moment(funnel.as_of))}"] if funnel.as_of else []
    known += [f"not ({log.left_out})"] if log.left_out else []
    kept = ["customer_id", "event_at", *(log.order if has_revenue or needs_row else ())]
    columns = [f"{step} as step", *map(quoted, dict.fromkeys(kept))]
    columns += [f"{is_twice} as is_twice"] if is_twice else []
    columns += [f"{written(log.value('revenue_minor', 'the answer'))} as revenue_minor"] if has_revenue else []
    columns += ["rowid as row"] if needs_row else []
    before = "lag(customer_id) over ()"
    out_of_place = f"customer_id < {before}"
    if has_revenue or needs_row:  # which of several events at one instant made a step then shows, so their order counts
        ids = ", ".join(map(quoted, log.order))
        ids_before = ", ".join(f"lag({quoted(name)}) over ()" for name in log.order)
        out_of_place += (
            f" or (customer_id = {before} and event_at = lag(event_at) over () and row({ids}) < row({ids_before}))"
        )
    wanted = [
        "step", "epoch_us(event_at) as moment", f"customer_id is distinct from {before} as is_new",
        f"coalesce({out_of_place}, false) as is_out_of_place", *(["is_twice"] if is_twice else []),
        *(["revenue_minor"] if has_revenue else []), *(["row"] if needs_row else []),
    ]  # fmt: skip
    return (
        f"with marked as (select {', '.join(columns)} from {log.table} where {' and '.join(known)}) "
        f"select {', '.join(wanted)} from marked where step > 0"
    )


def _step_of(question: Question) -> tuple[str, str | None]:
    """Which step an event makes, as SQL, 0 for none; and whether it makes two, where that can happen at all."""
    funnel = question.funnel
    steps = [step.selectors for step in funnel.steps]
    plain = all(len(each) == 1 and each[0].names and not each[0].where for each in steps) and not funnel.where
    if plain and len({each[0].kind for each in steps}) == 1:
        names = [(name, place) for place, each in enumerate(steps, 1) for name in each[0].names or ()]
        if len({name for name, _ in names}) == len(names):
            listed = f"list_position([{', '.join(written(sql.text(name)) for name, _ in names)}], {steps[0][0].kind})"
            if [place for _, place in names] == list(range(1, len(names) + 1)):
                return f"cast({listed} as utinyint)", None
            return f"cast([{', '.join(str(place) for _, place in names)}][{listed}] as utinyint)", None
    makes = [f"coalesce({written(marks.makes(question, step))}, false)" for step in funnel.steps]
    case = " ".join(f"when {each} then {place}" for place, each in enumerate(makes, 1))
    twice = " + ".join(f"cast({each} as utinyint)" for each in makes)
    return f"cast(case {case} else 0 end as utinyint)", f"({twice}) > 1" if len(makes) > 1 else None


# --- the answer


@dataclass(frozen=True)
class Counted:
    """All parts' customers one after the other; times in microseconds, -1 where a step was not made.

    open_for : (n,) how long the latest attempt has been watched
    moments : for each step (n,) when it was made
    revenue, has_revenue : for each step (n,) what its event brought in, and whether it says so; None where the log has
        no revenue
    """

    furthest: NDArray[np.int8]
    is_open: NDArray[np.bool_]
    open_for: NDArray[np.int64]
    moments: tuple[NDArray[np.int64], ...]
    revenue: tuple[NDArray[np.int64], ...] | None
    has_revenue: tuple[NDArray[np.bool_], ...] | None

    def rows(self, funnel: Funnel, group: Group) -> Iterator[Row]:
        """The rows of one group; none where nobody entered."""
        furthest, is_open = self.furthest[group.members], self.is_open[group.members]
        n_first = n_previous = len(furthest)
        if not n_first:
            return
        for (step, title), km in zip(enumerate(funnel.labels, 1), self._waiting(funnel, group), strict=True):
            made = group.members[furthest >= step]
            n = len(made)
            yield {
                "segment": group.segment, "breakdown_value": group.value, "step_number": step, "step": title,
                "n": n, "n_first": n_first, "n_previous": n_previous,
                "n_open": int((is_open & (furthest == step)).sum()) if step < len(funnel.steps) else 0,
                **_times("previous", self.moments[step - 1][made] - self.moments[step - 2][made] if step > 1 else None),
                **_times("first", self.moments[step - 1][made] - self.moments[0][made] if step > 1 else None),
                "revenue_minor": self._revenue(step, made), **km,
            }  # fmt: skip
            n_previous = n

    def _waiting(self, funnel: Funnel, group: Group) -> Iterator[dict[str, float | None]]:
        begun = self.moments[0][group.members]
        since = tuple(np.where(made[group.members] < 0, -1, made[group.members] - begun) for made in self.moments)
        return waiting.shares(
            funnel,
            waiting.Watched(
                self.furthest[group.members], self.is_open[group.members], self.open_for[group.members], since
            ),
        )

    def _revenue(self, step: int, made: NDArray[np.int64]) -> int | None:
        if self.revenue is None or self.has_revenue is None or not self.has_revenue[step - 1][made].any():
            return None
        return int(self.revenue[step - 1][made].sum())


def _times(since: str, micros: NDArray[np.int64] | None) -> dict[str, float | None]:
    names = [f"{kind}_seconds_from_{since}" for kind in ("median", "mean", "p90")]
    if micros is None or not len(micros):
        return dict.fromkeys(names)
    seconds = micros / MICROSECOND
    median, p90 = np.quantile(seconds, [0.5, 0.9])
    mean = int(micros.sum()) / len(micros) / MICROSECOND  # whole numbers add up to the same in any order
    return dict(zip(names, (float(median), mean, float(p90)), strict=True))


def _joined(question: Question, scans: list[Scan]) -> Counted:
    def per_step(of: Callable[[Scan], Any], missing: Any) -> tuple[NDArray[Any], ...]:
        return tuple(
            np.concatenate([_at(of(scan), scan.ways.rows[step], missing) for scan in scans])
            for step in range(len(question.funnel.steps))
        )

    has_revenue = all(scan.revenue is not None for scan in scans)
    now = _micros(question.funnel.as_of) or 0
    return Counted(
        np.concatenate([scan.ways.furthest for scan in scans]), np.concatenate([scan.ways.is_open for scan in scans]),
        now - np.concatenate([scan.ways.open_since for scan in scans]),
        per_step(lambda scan: scan.events.moment, -1),
        per_step(lambda scan: scan.revenue, 0) if has_revenue else None,
        per_step(lambda scan: scan.has_revenue, False) if has_revenue else None,
    )  # fmt: skip


def _at(values: NDArray[Any], rows: NDArray[np.int64], missing: Any) -> NDArray[Any]:
    """The values of the rows; `missing` where there is no row."""
    if not len(values):
        return np.full(len(rows), missing)
    return np.where(rows >= 0, values[np.maximum(rows, 0)], missing)


# --- groups


def _groups(
    question: Question, warehouse: Warehouse, scans: list[Scan], counted: Counted, segments: str | None
) -> Iterator[Group]:
    """Everyone, and group by group; and so in each segment."""
    everyone = np.arange(len(counted.furthest))
    in_segments = {EVERYONE: everyone}
    if segments:
        key, table = question.carried[0], question.log.table
        found = _looked_up(
            warehouse, _rows_of(scans, 0),
            f"with entered as (select place, {written(question.log.value(key, 'the answer'))} as entered_by "
            f"from funnel_rows join {table} as events on events.rowid = row) "
            f"select place, segment as value from entered join {segments} on {key} = entered_by order by place",
        )  # fmt: skip
        in_segments |= dict(_by_value(found))
    labels = _labels(question, warehouse, scans, counted) if question.funnel.breakdown else None
    for segment in sorted(in_segments):
        members = in_segments[segment]
        yield Group(segment, None, members)
        if labels is not None:
            for label in sorted(set(labels[members])):
                yield Group(segment, str(label), members[labels[members] == label])


def _labels(question: Question, warehouse: Warehouse, scans: list[Scan], counted: Counted) -> NDArray[Any]:
    """(n,) what the group of each customer is called."""
    breakdown = question.funnel.breakdown
    assert breakdown is not None
    if breakdown.at == "last":
        rows = np.full(len(counted.furthest), -1, dtype=np.int64)
        for step in range(len(question.funnel.steps)):
            rows = np.where(counted.furthest == step + 1, _rows_of(scans, step), rows)
    else:
        rows = _rows_of(scans, 0 if breakdown.at == "first" else question.funnel.titles.index(breakdown.at))
    value = written(question.log.value(breakdown.by, "breakdown"))
    found = _looked_up(
        warehouse, rows,
        f"select place, coalesce(cast({value} as varchar), '{NONE}') as value "
        f"from funnel_rows join {question.log.table} as events on events.rowid = row order by place",
    )  # fmt: skip
    labels = np.full(len(counted.furthest), NONE, dtype=object)
    labels[found["place"].astype(np.int64)] = found["value"]
    sizes = sorted(
        ((-len(places), value) for value, places in _by_value({"place": np.arange(len(labels)), "value": labels})
         if value != NONE)
    )  # fmt: skip
    shown = {value for _, value in sizes[: breakdown.top]} | {NONE}
    return np.array([label if label in shown else OTHER for label in labels], dtype=object)


def _rows_of(scans: list[Scan], step: int) -> NDArray[np.int64]:
    """(n,) the rowid of the event that made a step; -1 where it was not made."""
    found = [_at(scan.row, scan.ways.rows[step], -1) for scan in scans if scan.row is not None]
    return np.concatenate(found).astype(np.int64)


def _looked_up(warehouse: Warehouse, rows: NDArray[np.int64], query: str) -> dict[str, NDArray[Any]]:
    with warehouse.offered_arrays("funnel_rows", place=np.arange(len(rows)), row=rows):
        return warehouse.arrays(query)


def _by_value(found: dict[str, NDArray[Any]]) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """(value, places) of each distinct value."""
    if not len(found["value"]):
        return
    values, which = np.unique(found["value"].astype(str), return_inverse=True)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(len(values) + 1))
    for number, value in enumerate(values):
        yield str(value), found["place"][order[ends[number] : ends[number + 1]]].astype(np.int64)
