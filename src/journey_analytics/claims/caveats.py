"""What to know before acting on a number: how its last days went, its worst week, and what the calendar holds.

Each note is one plain sentence, or empty where there is nothing to say. A note reports what coincides, never a cause.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from journey_analytics import formats, stats

if TYPE_CHECKING:
    from journey_analytics.warehouse import Warehouse

RECENT_DAYS = 7
SMALLEST_NOTED = 10
MOST_ENTRIES = 3


@dataclass(frozen=True)
class Day:
    """One day of a series: how many were counted, and how many of them were good."""

    on: datetime.date
    n: int
    good: int


@dataclass(frozen=True)
class Period:
    """The judged period and what is known of its days; `starts_on` is None when all history is judged."""

    starts_on: datetime.date | None
    ends_on: datetime.date
    min_cell: int
    calendar: Sequence[Mapping[str, Any]]
    days: Mapping[tuple[str, str], Sequence[Day]]

    def days_of(self, subject: str, metric: str, window: datetime.timedelta) -> Sequence[Day]:
        """The days that the judged number stands on: an entry of `window` before the period can mature in it."""
        since = self.starts_on - window if self.starts_on else datetime.date.min
        return [day for day in self.days.get((subject, metric), ()) if day.on >= since and day.n]


def read_period(warehouse: Warehouse) -> Period:
    """The judged period from rules.settings, the calendar, and marts.touchpoint_daily."""
    settings = {row["name"]: row["value"] for row in warehouse.rows("select name, value from rules.settings")}
    as_of = datetime.datetime.fromisoformat(str(settings["as_of"]))
    judged = settings.get("judged_days")
    days: dict[tuple[str, str], list[Day]] = defaultdict(list)
    daily = "select touchpoint, kpi, cohort_on, n_matured, n_good from marts.touchpoint_daily order by all"
    for row in warehouse.rows(daily):
        day = Day(row["cohort_on"], int(row["n_matured"] or 0), int(row["n_good"] or 0))
        days[row["touchpoint"], row["kpi"]].append(day)
    entries = "select event_on, until_on, kind, name, touches from rules.calendar order by event_on, kind, name"
    return Period(
        starts_on=(as_of - datetime.timedelta(days=float(judged))).date() if judged else None,
        ends_on=(as_of - datetime.timedelta(microseconds=1)).date(),
        min_cell=int(float(settings.get("min_cell") or 0)),
        calendar=warehouse.rows(entries),
        days=days,
    )


def recent_note(days: Sequence[Day], *, target: float, n: int, good: int) -> str:
    """How the last seven days differ from a period that falls short: recovered, better, or nothing to say.

    Both need the days to lie clearly above those before them: Newcombe's 95 % interval of the difference is above 0.
    Recovered: their own interval reaches the target. Better: it does not.

    Parameters
    ----------
    days : the series' days in order, each with n > 0
    target : a share, 0..1
    n, good : counts of the whole period, the recent days included
    """
    if not days:
        return ""
    last_on = days[-1].on
    recent = [day for day in days if day.on > last_on - datetime.timedelta(days=RECENT_DAYS)]
    n_recent, good_recent = sum(day.n for day in recent), sum(day.good for day in recent)
    if n_recent < SMALLEST_NOTED or n_recent >= n:
        return ""
    (low,), (high,) = stats.wilson_interval(good_recent, n_recent)
    n_before = n - n_recent
    good_before = min(max(good - good_recent, 0), n_before)
    (least,), _ = stats.newcombe_difference(good_recent, n_recent, good_before, n_before)
    seen = f"{formats.share(good_recent / n_recent)} of {formats.count(n_recent)} ({formats.between(low, high)})"
    first_on = last_on - datetime.timedelta(days=RECENT_DAYS - 1)
    when = f"The last {RECENT_DAYS} matured days ({formats.day(first_on, with_year=False)} to {formats.day(last_on)})"
    if least <= 0:
        return ""
    if high < target:
        return f"{when} look better, but are still below the target: {seen}."
    return f"{when} look recovered: {seen}."


def worst_week_note(days: Sequence[Day], *, estimate: float) -> str:
    """The week with the lowest share, when its whole interval lies below the period's share."""
    weeks: dict[datetime.date, list[Day]] = defaultdict(list)
    for day in days:
        weeks[day.on - datetime.timedelta(days=day.on.weekday())].append(day)
    counted = [(sum(d.good for d in week), sum(d.n for d in week), monday) for monday, week in sorted(weeks.items())]
    enough = [(good / n, good, n, monday) for good, n, monday in counted if n >= SMALLEST_NOTED]
    if len(enough) < 2:
        return ""
    share, good, n, monday = min(enough)
    _, (high,) = stats.wilson_interval(good, n)
    if high >= estimate:
        return ""
    return f"Lowest in the week of {formats.day(monday)}: {formats.share(share)} of {formats.count(n)}."


def calendar_note(period: Period, subject: str) -> str:
    """The calendar entries of the judged period that touch a touchpoint or feed, in order of date."""
    entries = [
        entry
        for entry in period.calendar
        if subject in (entry["touches"] or ())
        and entry["event_on"] <= period.ends_on
        and (period.starts_on is None or (entry["until_on"] or entry["event_on"]) >= period.starts_on)
    ]
    if not entries:
        return ""
    said = [f"{entry['kind']} {formats.name(entry['name'])} {_when(entry)}" for entry in entries[:MOST_ENTRIES]]
    if len(entries) > MOST_ENTRIES:
        said.append(f"{len(entries) - MOST_ENTRIES} more entries of the calendar")
    return f"Coincides with {formats.listed(said)}."


def _when(entry: Mapping[str, Any]) -> str:
    begins, ends = entry["event_on"], entry["until_on"] or entry["event_on"]
    if begins == ends:
        return f"on {formats.day(begins)}"
    return f"from {formats.day(begins)} to {formats.day(ends)}"
