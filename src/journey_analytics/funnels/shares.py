"""Counts to shares with their intervals: the rows that everybody reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from journey_analytics import stats
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import evidence
from journey_analytics.funnels.summary import CLUSTERS, EVERYONE
from journey_analytics.funnels.waiting import KM

Row = dict[str, Any]

MEANINGS = {
    "funnel": "The funnel's name in journey.yml, or in its file",
    "segment": "A segment of the journey map, or all: that of the journey in which the first step was made",
    "breakdown_value": "The breakdown's value; empty is everyone, (none) those without one, other the smaller groups",
    "step_number": "The step's place, from 1",
    "step": "The step's name",
    "n": "How many made this step: customers, sessions, journeys or attempts, as the funnel counts",
    "n_open": "Of these, how many have not made the next step and still have time to, at as_of",
    "n_lost": "Of these, how many have not made the next step and no longer can",
    "share_of_first": "n over the first step's n (0..1)",
    "low": "Lower 95 % bound of share_of_first: Wilson; clustered by customer where a customer counts more than once",
    "high": "Upper 95 % bound of share_of_first",
    "share_km": "The share of the first step's that will have made this one when their window is over (0..1): "
    "Kaplan-Meier, whoever is open watched so far; empty where nobody was watched for a whole window",
    "km_low": "Lower 95 % bound of share_km: Wilson at its effective size, which knows how alike a customer's are",
    "km_high": "Upper 95 % bound of share_km",
    "share_of_previous": "n over the n of the required step before (0..1)",
    "low_of_previous": "Lower 95 % bound of share_of_previous",
    "high_of_previous": "Upper 95 % bound of share_of_previous",
    "median_seconds_from_previous": "Half of those who made the step took at most this long from the one before",
    "mean_seconds_from_previous": "The mean time from the required step before",
    "p90_seconds_from_previous": "Nine in ten took at most this long from the required step before",
    "median_seconds_from_first": "Half of those who made the step took at most this long from the first",
    "mean_seconds_from_first": "The mean time from the first step",
    "p90_seconds_from_first": "Nine in ten took at most this long from the first step",
    "revenue_minor": "The sum of revenue_minor over the events that made the step",
}
"""Every column of the answer, and what it means."""

COLUMNS = tuple(name for name in MEANINGS if name != "segment")
_TIMES = tuple(name for name in MEANINGS if "_seconds_" in name)


def shared(funnel: Funnel, counted: Sequence[Row]) -> Iterator[Row]:
    """An engine's rows with shares and intervals; everyone's rows are there even where nobody entered.

    Parameters
    ----------
    counted : rows as `engines.COUNTED` says, ordered by group and step

    Yields
    ------
    rows with the columns of MEANINGS, everyone first within a segment
    """
    rows = list(counted)
    if not any(row["breakdown_value"] is None for row in rows):
        rows = [*_nobody(funnel), *rows]
    rows.sort(key=lambda row: (row["segment"] != EVERYONE, row["segment"], row["breakdown_value"] is not None))
    clustered = funnel.count != "customers" and all("n_customers" in row for row in rows)
    first = _bounds(rows, "n_first", "began", clustered)
    previous = _bounds(rows, "n_previous", "came", clustered)
    following = {
        (row["segment"], row["breakdown_value"], row["step_number"]): row["n"] for row in rows
    }  # fmt: skip
    for place, row in enumerate(rows):
        key = (row["segment"], row["breakdown_value"], _next(funnel, row["step_number"]))
        n_open = int(row["n_open"])
        yield {
            "funnel": funnel.funnel, "segment": row["segment"], "breakdown_value": row["breakdown_value"],
            "step_number": row["step_number"], "step": row["step"], "n": row["n"], "n_open": n_open,
            "n_lost": max(row["n"] - following[key] - n_open, 0) if key in following else 0,
            "share_of_first": row["n"] / row["n_first"] if row["n_first"] else None,
            "low": evidence.number(first[0][place]), "high": evidence.number(first[1][place]),
            **_km(row, first[0][place], first[1][place]),
            "share_of_previous": row["n"] / row["n_previous"] if row["n_previous"] else None,
            "low_of_previous": evidence.number(previous[0][place]),
            "high_of_previous": evidence.number(previous[1][place]),
            **{name: row[name] for name in _TIMES}, "revenue_minor": row["revenue_minor"],
        }  # fmt: skip


def _next(funnel: Funnel, step: int) -> int:
    """The number of the required step after a required one; an optional step leads nowhere of its own."""
    if funnel.steps[step - 1].optional:
        return 0
    return next((place + 1 for place in funnel.required if place + 1 > step), 0)


def _bounds(
    rows: Sequence[Row], of: str, among: str, clustered: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    good, n = [row["n"] for row in rows], [row[of] for row in rows]
    if not clustered:
        return stats.wilson_interval(good, n)
    return stats.clustered_share_interval(
        good, n, [row["n_came" if among == "came" else "n_customers"] for row in rows],
        successes_squared=[float(row["reached_reached"]) for row in rows],
        products=[float(row[f"reached_{among}"]) for row in rows],
        trials_squared=[float(row[f"{among}_{among}"]) for row in rows],
    )  # fmt: skip


def _km(row: Row, low: np.float64, high: np.float64) -> dict[str, float | None]:
    """The share at the window; where nobody is open for the step it is the plain one, with its bounds."""
    share, size = row["share_km"], row["size_km"]
    bounds = (evidence.number(low), evidence.number(high)) if size is None else evidence.bounded(share, size)
    return {"share_km": share, "km_low": bounds[0], "km_high": bounds[1]}


def _nobody(funnel: Funnel) -> list[Row]:
    """Everyone's rows where nobody entered."""
    times = dict.fromkeys(_TIMES)
    sums = dict.fromkeys(CLUSTERS, 0)
    return [
        {"segment": EVERYONE, "breakdown_value": None, "step_number": place, "step": title, "n": 0, "n_first": 0,
         "n_previous": 0, "n_open": 0, "revenue_minor": None, **dict.fromkeys(KM), **times, **sums}
        for place, title in enumerate(funnel.labels, 1)
    ]  # fmt: skip
