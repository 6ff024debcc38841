"""Four numbers for the top of the page: conversion, satisfaction, net promoter score, promises kept.

Each comes with its interval, the count it stands on, and its weeks; each is a plain sum of counts that the marts hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from journey_analytics import stats
from journey_analytics.report.queries import Tables, ask
from journey_analytics.report.sections import bounded

Row = dict[str, Any]
Weekly = Mapping[tuple[str, str], list[Row]]

ENOUGH = 30
KINDS = (("csat_5", "Satisfied (CSAT)", "csat"), ("stars_5", "4 or 5 stars", "stars"), ("thumb", "Rated good", "thumb"))


def kpis(
    tables: Tables, trend: Sequence[Row], satisfaction: Sequence[Row], promises: Sequence[Row], weekly: Weekly
) -> list[Row]:
    """The four rows, in order; one with n = 0 has no estimate, and the page says so in words."""
    scores = [row for row in satisfaction if row["scope"] == "stage"]
    return [conversion(tables, trend), satisfied(scores, weekly), net_promoters(scores), kept(promises)]


def conversion(tables: Tables, trend: Sequence[Row]) -> Row:
    """The share of journeys whose time is over that converted."""
    sums: Row = next(iter(ask(tables, "conversion")), {})
    n, good = int(sums.get("n") or 0), int(sums.get("n_good") or 0)
    weeks = [
        {"week_on": row["week_on"], "n": row["n_matured"], "value": row["share"]} for row in trend if row["n_matured"]
    ]
    return _kpi("conversion", "Conversion", "journeys whose time is over", n, good, weeks)


def satisfied(scores: Sequence[Row], weekly: Weekly) -> Row:
    """CSAT where enough was answered, else the kind of score that the shop asks most: kinds are never added up."""
    n_of = {kind: _total([row for row in scores if row["metric"] == kind], "n_answered") for kind, _, _ in KINDS}
    metric, label, measure = max(
        KINDS, key=lambda kind: (kind[0] == "csat_5" and n_of[kind[0]] >= ENOUGH, n_of[kind[0]])
    )
    answers = [row for row in scores if row["metric"] == metric]
    n, good, invited = (_total(answers, key) for key in ("n_answered", "n_good", "n_invited"))
    weeks = _by_week(week for (_, name), series in sorted(weekly.items()) if name == measure for week in series)
    return _kpi("satisfied", label, "answers", n, good, weeks) | {"n_invited": invited}


def net_promoters(scores: Sequence[Row]) -> Row:
    """Promoters minus detractors, in points."""
    answers = [row for row in scores if row["metric"] == "nps_10"]
    n, good, bad = (_total(answers, key) for key in ("n_answered", "n_good", "n_bad"))
    row = _kpi("nps", "Net promoter score", "answers", n, good, []) | {"is_points": True, "n_bad": bad}
    if n:
        low, high = stats.nps_interval([good], [bad], [n])
        row |= {"estimate": (good - bad) / n * 100, "low": float(low[0]), "high": float(high[0])}
    return row


def kept(promises: Sequence[Row]) -> Row:
    """Of everything promised and due, what was kept."""
    n, good = _total(promises, "n_due"), _total(promises, "n_kept")
    weeks = _by_week(week for row in promises for week in row["weeks"])
    return _kpi("promises_kept", "Promises kept", "promises due", n, good, weeks)


def _kpi(kpi: str, label: str, of: str, n: int, good: int, weeks: Sequence[Row]) -> Row:
    bounds = bounded(good, n)
    return {
        "kpi": kpi, "label": label, "of": of, "n": n, "n_good": good, "estimate": bounds["share"], "low": bounds["low"],
        "high": bounds["high"], "is_points": False, "weeks": list(weeks),
    }  # fmt: skip


def _by_week(rows: Iterable[Row]) -> list[Row]:
    n: dict[Any, int] = defaultdict(int)
    good: dict[Any, int] = defaultdict(int)
    for row in rows:
        n[row["week_on"]] += row["n"] or 0
        good[row["week_on"]] += row["n_good"] or 0
    return [{"week_on": week, "n": n[week], "value": good[week] / n[week]} for week in sorted(n) if n[week]]


def _total(rows: Iterable[Row], key: str) -> int:
    return sum(int(row[key] or 0) for row in rows)
