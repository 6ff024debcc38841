"""Findings: from the marts' numbers to claims, each with its estimate, interval, count, caveat and owner.

A claim says what is below its target, never what caused it: words such as "is below" and "coincides with" are as far
as counts alone can go. What is judged is everything that journey.yml gives a target; each such series has a row,
whether it falls short, does not, or is too small to say.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from journey_analytics import formats
from journey_analytics.build.models import read_notes
from journey_analytics.claims.caveats import Period, calendar_note, read_period
from journey_analytics.claims.gate import Gate, arrival, read_gate
from journey_analytics.claims.series import (
    SMALLEST_JUDGED,
    Series,
    promise_series,
    recovery_series,
    touchpoint_series,
)
from journey_analytics.facts.config import home
from journey_analytics.facts.expressions import quoted

if TYPE_CHECKING:
    from journey_analytics.warehouse import Warehouse

RULE = (
    "A series is flagged when the whole of its 95 % interval lies on the wrong side of its target and at least 30 "
    "customers, answers or cases have been counted: for a touchpoint the share that moves on, the satisfied share "
    "(the net promoter score by its own interval), the customers who complain after it, and the touches that come "
    "after the order is paid; for a promise the share kept; for a recovery the share followed up in time. When only "
    "some regions or segments of a promise or recovery fall short, they are named; when the whole does not fall "
    "short, a part alone is held to a stricter interval, since several parts are looked at. Customers whose time is "
    "not over are never counted as lost. Findings are ordered by importance (high 3, medium 2, low 1) x shortfall x "
    "customers, answers or cases counted. The rule looks at each series by itself: of a hundred that are exactly on "
    "target, two or three may be flagged by chance."
)
WEIGHTS = {"high": 3.0, "medium": 2.0, "low": 1.0}
COLUMNS = (
    "finding_id varchar, kind varchar, question varchar, subject varchar, title varchar, claim varchar, "
    "touchpoint varchar, stage varchar, channel varchar, segment varchar, owner varchar, status varchar, "
    "opened_on date, closed_on date, nights_open integer, metric varchar, estimate double, low double, high double, "
    "n_matured bigint, n_good bigint, reference double, reference_source varchar, evidence varchar, onset_on date, "
    "value_at_risk_low bigint, value_at_risk_mid bigint, value_at_risk_high bigint, currency varchar, "
    "mix_share double, rate_share double, next_action varchar, caveat varchar, effort varchar, importance varchar, "
    "rank integer"
)
NAMES = tuple(column.split()[0] for column in COLUMNS.split(", "))
NEXT_ACTIONS = {
    "underperforming": "Compare the last 14 days by device and browser, then walk through it where it is lowest.",
    "satisfaction": "Read the lowest answers of the last 14 days, sort them by what they ask for, mend the first.",
    "overwhelming": "Compare complaints by campaign and messages per customer, then send fewer where they peak.",
    "out_of_order": "Leave out customers whose order is already paid, and look at the share again after a week.",
    "promise_broken": "Follow ten broken cases end to end, then mend what they share, or promise what can be kept.",
    "missing": "Follow ten cases without it end to end, and check the filter that decides who gets it.",
    "data": "Ask the feed's owner to deliver these days again: late files are read on the next night.",
}
_WITH_CARE = "Read what rests on this feed with care."


def find(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Judge every series that has a target, and write marts.findings.

    Parameters
    ----------
    warehouse : reads rules.*, marts.* and ops.feeds, ops.checks; marts.findings is replaced

    Returns
    -------
    the rows of marts.findings: open ones first in order of rank, then the others by finding_id
    """
    period, gate = read_period(warehouse), read_gate(warehouse)
    series = [
        *touchpoint_series(warehouse, period),
        *promise_series(warehouse, period),
        *recovery_series(warehouse, period),
    ]
    judged = [(one, _row(one, _frozen(one, gate))) for one in series]
    open_rows = sorted(
        ((one, row) for one, row in judged if row["status"] == "open"),
        key=lambda pair: (-_weight(pair[0]), pair[1]["finding_id"]),
    )
    ranked = [row for _, row in open_rows] + _feed_rows(warehouse, period, gate)
    for rank, row in enumerate(ranked, start=1):
        row["rank"] = rank
    rest = sorted((row for _, row in judged if row["status"] != "open"), key=lambda row: str(row["finding_id"]))
    rows = [*ranked, *rest]
    _store(warehouse, rows)
    return rows


def finding_id(kind: str, subject: str, metric: str, segment: str) -> str:
    """A name for a finding that stays the same every night: readable words, and a hash of what it is about."""
    words = [re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") for part in (subject, metric, segment)]
    slug = "-".join(word for word in words if word)[:60].strip("-")
    identity = "|".join((kind, subject, metric, segment))
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return "-".join(part for part in ("f", slug, digest) if part)


def _frozen(series: Series, gate: Gate) -> str:
    """Why a series is not judged tonight; empty where it is."""
    return gate.because(
        metric=series.measure.metric, subject=series.subject, touchpoint=series.facts.get("touchpoint"),
        stage=series.facts.get("stage"),
    )  # fmt: skip


def _row(series: Series, frozen: str) -> dict[str, Any]:
    """A judged series as a row of marts.findings; what this version cannot know stays None."""
    measure, status = series.measure, "frozen" if frozen else series.status()
    low, high = series.bounds()
    row = dict.fromkeys(NAMES) | series.facts
    return row | {
        "finding_id": finding_id(measure.kind, series.subject, measure.metric, series.segment),
        "kind": measure.kind,
        "question": "target",
        "subject": series.subject,
        "title": series.title,
        "claim": _claim(series),
        "segment": series.segment,
        "status": status,
        "metric": measure.metric,
        "estimate": series.estimate,
        "low": low,
        "high": high,
        "n_matured": series.n,
        "n_good": series.good,
        "reference": series.reference,
        "reference_source": "target",
        "next_action": (series.facts.get("next_action") or NEXT_ACTIONS[measure.kind]) if status == "open" else None,
        "caveat": frozen or _caveat(series, status),
    }


def _claim(series: Series) -> str:
    """One sentence: "38 % of customers move on (36 % to 40 %, of 2,913 …), against a target of 51 %"."""
    measure = series.measure
    said = formats.points if measure.is_points else formats.share
    target = f"{'at most' if measure.is_at_most else 'a target of'} {said(series.reference)}"
    if series.estimate is None:
        return f"Nothing counted yet, against {target}"
    span = formats.between(*series.bounds(), is_points=measure.is_points)
    seen = f"{measure.says.format(said(series.estimate))} ({span}, of {formats.count(series.n)} {measure.of})"
    return f"{seen}, against {target}"


def _caveat(series: Series, status: str) -> str | None:
    """The verdict in words where it is not a shortfall, then the series' notes, then who is not counted yet."""
    measure = series.measure
    low, high = series.bounds()
    verdict = ""
    if status == "too_small":
        verdict = f"Too few to judge: {formats.count(series.n)} of at least {SMALLEST_JUDGED} {measure.of}."
    elif status == "ok" and low is not None and high is not None:
        no_worse = high <= series.reference if measure.is_at_most else low >= series.reference
        verdict = (
            "No worse than its target: the whole interval reaches it."
            if no_worse
            else "Cannot tell yet whether it reaches its target: the interval holds it."
        )
    notes = series.notes if status == "open" else ()
    not_yet = ""
    if series.n_open:
        whose = "customers are" if measure.metric == "progressed" else "cases are"
        whose = whose.replace("s are", " is") if series.n_open == 1 else whose
        not_yet = f"{formats.count(series.n_open)} {whose} still within their time and not counted."
    return " ".join(part for part in (verdict, *notes, not_yet) if part) or None


def _weight(series: Series) -> float:
    """Importance x shortfall x customers (or answers, or cases): roughly how many are short of the target."""
    return WEIGHTS.get(str(series.facts.get("importance")), WEIGHTS["medium"]) * series.shortfall * series.n_weighed


def _feed_rows(warehouse: Warehouse, period: Period, gate: Gate) -> list[dict[str, Any]]:
    """One row per feed that is unfit or late, or has days far from their weekday's usual number of rows."""
    unmet = {
        row["subject"]: row
        for row in warehouse.rows(
            "select subject, observed, expected from ops.checks "
            "where scope = 'feed' and expectation = 'rows_vs_same_weekday' and not is_met and level <> 'freeze' "
            "order by subject, check_id"
        )
    }
    came = {row["source"]: row for row in warehouse.rows("select * from ops.feeds where status <> 'ok'")}
    rows = []
    for source in sorted({*gate.unfit, *came, *unmet}):
        why = gate.unfit.get(source) or (arrival(came[source]) if source in came else "")
        claims = [_dates(f"The feed {why}")] if why else []
        if source in unmet:
            days = unmet[source]
            claims.append(
                f"Rows far from the usual for the weekday: {_dates(days['observed'])}, expected {days['expected']}"
            )
        metric = "arrived" if source in came else "rows_vs_same_weekday" if source in unmet else "fit"
        row = _feed_row(source, metric, "; ".join(claims), calendar_note(period, source))
        if source in gate.unfit:
            row["caveat"] = row["caveat"].replace(_WITH_CARE, "What rests on this feed is frozen.")
        rows.append(row)
    return rows


def _feed_row(source: str, metric: str, claim: str, note: str) -> dict[str, Any]:
    return dict.fromkeys(NAMES) | {
        "finding_id": finding_id("data", source, metric, "all"),
        "kind": "data",
        "subject": source,
        "title": f"Feed {source}",
        "claim": claim,
        "segment": "all",
        "owner": source,
        "status": "open",
        "metric": metric,
        "next_action": NEXT_ACTIONS["data"],
        "caveat": " ".join(part for part in (_WITH_CARE, note) if part),
    }


def _dates(words: str) -> str:
    """ISO dates in a sentence as people write them."""
    return re.sub(r"\d{4}-\d{2}-\d{2}", lambda match: formats.day(match[0]), words)


def _store(warehouse: Warehouse, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write marts.findings anew, with what its notes say of every column."""
    notes = read_notes(home() / "sql" / "marts" / "findings.yml")
    warehouse.execute(f"create or replace table marts.findings ({COLUMNS})")
    warehouse.append("marts.findings", rows)
    warehouse.execute(f"comment on table marts.findings is {_text(notes.description)}")
    for column, meaning in notes.columns.items():
        warehouse.execute(f"comment on column marts.findings.{quoted(column)} is {_text(meaning)}")


def _text(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"
