"""Series: everything that journey.yml gives a target, with its counts from the marts; and the rule that judges one.

A series is a touchpoint's measure, a promise or a recovery. When only some parts of a promise or recovery (regions,
segments) fall short while others do not, the series is that part, and its notes say how the others fare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from journey_analytics import formats, stats
from journey_analytics.claims.caveats import Period, calendar_note, recent_note, worst_week_note

if TYPE_CHECKING:
    from journey_analytics.warehouse import Warehouse

Row = Mapping[str, Any]

SMALLEST_JUDGED = 30
CONFIDENCE = 0.95

_TOUCHPOINTS = """
    select points.*, stages.within_seconds, counts.* exclude (touchpoint, stage, channel)
    from rules.touchpoints as points
    left join rules.stages as stages on stages.stage = points.stage
    left join marts.touchpoint_metrics as counts on counts.touchpoint = points.touchpoint and counts.segment = 'all'
    order by points.position
"""
_RECOVERIES = """
    select recoveries.*, touchpoints.stage, touchpoints.channel, touchpoints.effort, touchpoints.importance
    from rules.recoveries as recoveries
    left join rules.touchpoints as touchpoints on touchpoints.touchpoint = recoveries.touchpoint
    order by recoveries.position
"""


@dataclass(frozen=True)
class Measure:
    """One thing that a touchpoint, promise or recovery can be held to, and the words for it.

    `target`, `n`, `good` and `bad` name columns; `bad` makes it a net score in points. `is_at_most`: the target is an
    upper limit. `takes_time`: it is counted once a window has passed, so that some are still open. `weighs` names the
    count that its rank rests on, where that is not `n`: a customer is one customer, however many touches they had.
    """

    metric: str
    kind: str
    says: str
    of: str
    target: str = "target"
    n: str = "n_due"
    good: str = "n_kept"
    bad: str | None = None
    is_at_most: bool = False
    takes_time: bool = False
    weighs: str | None = None

    @property
    def is_points(self) -> bool:
        """Whether the estimate is a net score in points rather than a share."""
        return self.bad is not None


TOUCHPOINT_MEASURES = (
    Measure(
        "progressed", "underperforming", "{} of customers move on", "customers whose time is over",
        "target_progressed", "n_matured", "n_progressed", takes_time=True,
    ),
    Measure("csat", "satisfaction", "{} are satisfied", "answers", "target_csat", "n_csat", "n_satisfied"),
    Measure(
        "nps", "satisfaction", "The net promoter score is {}", "answers", "target_nps", "n_nps", "n_promoters",
        "n_detractors",
    ),
    Measure("thumb", "satisfaction", "{} rate it good", "ratings", "target_thumb", "n_thumb", "n_thumb_good"),
    Measure("stars", "satisfaction", "{} give 4 or 5 stars", "ratings", "target_stars", "n_stars", "n_stars_good"),
    Measure(
        "complained", "overwhelming", "{} of customers complain after it", "customers reached",
        "complained_at_most", "n_customers", "n_complaints", is_at_most=True,
    ),
    Measure(
        "out_of_order", "out_of_order", "{} of its touches come after the order is paid", "touches",
        "out_of_order_at_most", "n_touches", "n_out_of_order", is_at_most=True, weighs="n_customers",
    ),
)  # fmt: skip
KEPT = Measure("kept", "promise_broken", "The promise is kept for {}", "cases due", takes_time=True)
MET = Measure("met", "missing", "{} are followed up in time", "cases due", good="n_met", takes_time=True)


@dataclass(frozen=True)
class Series:
    """One series held to its target: counts, names and notes, not yet judged."""

    measure: Measure
    subject: str
    title: str
    reference: float
    n: int = 0
    good: int = 0
    bad: int = 0
    n_open: int = 0
    n_weighed: int = 0
    segment: str = "all"
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)

    def counted(self, row: Row) -> Series:
        """The same series with the counts of one row of its mart; a row or count that is not there is 0."""
        measure = self.measure
        return replace(
            self,
            n=_count(row, measure.n),
            good=_count(row, measure.good),
            bad=_count(row, measure.bad) if measure.bad else 0,
            n_open=_count(row, "n_open") if measure.takes_time else 0,
            n_weighed=_count(row, measure.weighs or measure.n),
        )

    @property
    def estimate(self) -> float | None:
        """The share, or the net score in points; nothing observed is None."""
        if not self.n:
            return None
        return 100 * (self.good - self.bad) / self.n if self.measure.is_points else self.good / self.n

    def bounds(self, confidence: float = CONFIDENCE) -> tuple[float | None, float | None]:
        """The interval of the estimate, in its unit; nothing observed has none."""
        if not self.n:
            return None, None
        if self.measure.is_points:
            low, high = stats.nps_interval(self.good, self.bad, self.n, confidence=confidence)
        else:
            low, high = stats.wilson_interval(self.good, self.n, confidence=confidence)
        return float(low[0]), float(high[0])

    def status(self, confidence: float = CONFIDENCE) -> str:
        """open, ok or too_small: the rule itself."""
        low, high = self.bounds(confidence)
        if self.n < SMALLEST_JUDGED or low is None or high is None:
            return "too_small"
        falls_short = low > self.reference if self.measure.is_at_most else high < self.reference
        return "open" if falls_short else "ok"

    @property
    def shortfall(self) -> float:
        """How far the estimate is on the wrong side, as a share; 200 points of a net score are a whole one."""
        distance = abs((self.estimate or 0.0) - self.reference)
        return distance / 200 if self.measure.is_points else distance


def touchpoint_series(warehouse: Warehouse, period: Period) -> list[Series]:
    """Every measure of every touchpoint that has a target, over all customers."""
    found = []
    for row in warehouse.rows(_TOUCHPOINTS):
        window = timedelta(seconds=float(row["within_seconds"] or 0))
        for measure in TOUCHPOINT_MEASURES:
            if row[measure.target] is None:
                continue
            series = Series(
                measure=measure,
                subject=row["touchpoint"],
                title=row["name"],
                reference=float(row[measure.target]),
                facts=_facts(row, "touchpoint", "stage", "channel", "owner", "effort", "importance", "next_action"),
            ).counted(row)
            days = period.days_of(series.subject, measure.metric, window if measure.takes_time else timedelta())
            found.append(replace(series, notes=_touchpoint_notes(series, days, period)))
    return found


def promise_series(warehouse: Warehouse, period: Period) -> list[Series]:
    """Every promise as one series: as a whole, or the values of its by-property that alone fall short."""
    measured = _by(warehouse.rows("select * from marts.promise_metrics order by promise, by_value"), "promise")
    found = []
    for row in warehouse.rows("select * from rules.promises order by position"):
        counted = {str(one["by_value"]): one for one in measured[row["promise"]] if one["by_value"] is not None}
        whole = Series(
            measure=KEPT,
            subject=row["promise"],
            title=row["name"],
            reference=float(row["target"]),
            facts=_facts(row, "stage", "owner", "next_action"),
        ).counted(counted.get("all", {}))
        parts = [replace(whole, segment=value).counted(one) for value, one in counted.items() if value != "all"]
        short, _ = parts_apart(whole, parts, smallest=period.min_cell)
        series = _pooled(whole, short, period.min_cell) if short else whole
        scored = [counted[part.segment] for part in short] if short else [counted.get("all", {})]
        scores = _scores_note(scored, max(period.min_cell, 1))
        found.append(replace(series, notes=(*series.notes, scores)))
    return found


def recovery_series(warehouse: Warehouse, period: Period) -> list[Series]:
    """Every recovery as one series: for everyone, or for the one segment that fares worst while another is fine."""
    measured = _by(warehouse.rows("select * from marts.recoveries order by recovery, segment"), "recovery")
    names = {row["segment"]: row["name"] for row in warehouse.rows("select segment, name from rules.segments")}
    found = []
    for row in warehouse.rows(_RECOVERIES):
        counted = {one["segment"]: one for one in measured[row["recovery"]]}
        whole = Series(
            measure=MET,
            subject=row["recovery"],
            title=row["name"],
            reference=float(row["target"]),
            facts=_facts(row, "touchpoint", "stage", "channel", "owner", "effort", "importance", "next_action"),
            notes=(calendar_note(period, row["touchpoint"]),),
        ).counted(counted.get("all", {}))
        parts = [replace(whole, segment=key).counted(one) for key, one in counted.items() if key != "all"]
        short, fine = parts_apart(whole, parts, smallest=period.min_cell)
        if short:
            worst = min(short, key=lambda part: (part.bounds()[1] or 0.0, part.segment))
            best = max(fine, key=lambda part: (part.bounds()[0] or 0.0, part.segment))
            against = f"{_share_of(best)} for {formats.name(names.get(best.segment) or best.segment)}."
            title = f"{whole.title}: {names.get(worst.segment) or worst.segment}"
            whole = replace(worst, title=title, notes=(f"Against {against}", *whole.notes))
        found.append(whole)
    return found


def parts_apart(whole: Series, parts: Sequence[Series], *, smallest: int = 0) -> tuple[list[Series], list[Series]]:
    """The parts that fall short and those that do not, when there are both; otherwise two empty lists.

    When the whole does not fall short, a part is held to a stricter interval: with k parts judged, one of
    1 - 0.05 / k, so that a chance shortfall of one among many stays as rare as that of the whole.

    Parameters
    ----------
    whole : the series over everything
    parts : the same series by region or segment; those with fewer than 30 (or `smallest`) counted are left out
    """
    judged = [part for part in parts if part.n >= max(SMALLEST_JUDGED, smallest)]
    if not judged:
        return [], []
    confidence = CONFIDENCE if whole.status() == "open" else 1 - (1 - CONFIDENCE) / len(judged)
    short = [part for part in judged if part.status(confidence) == "open"]
    fine = [part for part in judged if part.status() != "open"]
    return (short, fine) if short and fine else ([], [])


def _pooled(whole: Series, short: Sequence[Series], min_cell: int) -> Series:
    """The parts that fall short as one series, with a note on all the others together."""
    pooled = replace(
        whole,
        segment=", ".join(part.segment for part in short),
        title=f"{whole.title}: {formats.listed([part.segment for part in short])}",
        n=sum(part.n for part in short),
        good=sum(part.good for part in short),
        n_open=sum(part.n_open for part in short),
        n_weighed=sum(part.n_weighed for part in short),
    )
    rest = replace(whole, n=whole.n - pooled.n, good=whole.good - pooled.good)
    if rest.n < min_cell or not 0 <= rest.good <= rest.n:
        return pooled
    return replace(pooled, notes=(f"Elsewhere {_share_of(rest)}.",))


def _share_of(series: Series) -> str:
    low, high = series.bounds()
    return f"{formats.share(series.estimate)} of {formats.count(series.n)} ({formats.between(low, high)})"


def _touchpoint_notes(series: Series, days: Sequence[Any], period: Period) -> tuple[str, ...]:
    recent = worst = ""
    if series.status() == "open" and not series.measure.is_points and not series.measure.is_at_most:
        recent = recent_note(days, target=series.reference, n=series.n, good=series.good)
        worst = worst_week_note(days, estimate=series.estimate or 0.0)
    return recent, worst, calendar_note(period, series.subject)


def _scores_note(rows: Sequence[Row], smallest: int) -> str:
    """How customers score when the promise was kept and when it was broken; empty with fewer than `smallest` of either.

    The mean is left out for thumbs (0 or 1), whose mean is the share itself.
    """
    said = []
    for how in ("kept", "broken"):
        n = sum(_count(row, f"n_scored_when_{how}") for row in rows)
        if n < smallest:
            return ""
        csat = _mean(rows, f"csat_when_{how}", f"n_scored_when_{how}")
        mean = _mean(rows, f"mean_score_when_{how}", f"n_scored_when_{how}")
        stars = f", mean {formats.number(mean)}" if mean is not None and mean > 1 else ""
        said.append(f"{formats.share(csat)} of {formats.count(n)} when {how}{stars}")
    return f"Satisfied: {said[0]}; {said[1]}."


def _mean(rows: Sequence[Row], column: str, weight: str) -> float | None:
    known = [(float(row[column]), _count(row, weight)) for row in rows if row.get(column) is not None]
    total = sum(n for _, n in known)
    return sum(value * n for value, n in known) / total if total else None


def _count(row: Row, name: str) -> int:
    return int(row.get(name) or 0)


def _facts(row: Row, *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _by(rows: Sequence[dict[str, Any]], key: str) -> Mapping[str, list[dict[str, Any]]]:
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row[key]].append(row)
    return grouped
