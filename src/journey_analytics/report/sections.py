"""The journey's sections of the result: stages, touchpoints, satisfaction, promises, flows, coverage, trends, segments.

Each function reads one or two answers of `queries` and returns plain rows, named as the marts name them. Cells that
could point at a person (a segment, a region or a path with fewer than `min_cell` customers) are left out here, so that
neither the page nor the JSON nor a CSV ever has them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from journey_analytics import stats
from journey_analytics.report.queries import Tables, ask, pick

Row = dict[str, Any]

SMALLEST_SHOWN = 10
MOST_PATHS = 50
EMOTION_KINDS = ("csat_5", "stars_5", "ces_7", "thumb", "nps_10")
STAGE_NUMBERS = (
    "n_entered", "n_matured", "n_progressed", "n_dropped", "n_open", "progressed_share_of_matured", "progressed_low",
    "progressed_high", "progressed_share_km", "median_hours_to_progress", "n_contacted", "contact_share",
    "n_customers", "revenue_minor", "currency",
)  # fmt: skip
TOUCHPOINT_NUMBERS = (
    "n_touches", "n_customers", "n_journeys", "n_matured", "n_progressed", "progressed_share_of_matured",
    "progressed_low", "progressed_high", "n_open", "n_exits", "exit_share_of_dropped", "n_csat", "n_satisfied",
    "csat_share", "csat_low", "csat_high", "n_nps", "n_promoters", "n_detractors", "nps", "nps_low", "nps_high",
    "n_thumb", "n_thumb_good", "thumb_share", "thumb_low", "thumb_high", "n_stars", "n_stars_good", "stars_share",
    "stars_low", "stars_high", "n_contacted", "induced_contact_share", "n_complaints", "complained_share",
    "n_out_of_order", "out_of_order_share", "credit_first", "credit_last", "credit_linear",
    "credit_linear_revenue_minor", "currency",
)  # fmt: skip
TOUCHPOINT_FACTS = (
    "name", "stage", "channel", "owner", "importance", "effort", "playbook", "target_progressed", "target_csat",
    "target_nps", "target_thumb", "target_stars", "complained_at_most", "out_of_order_at_most",
)  # fmt: skip
PROMISE_NUMBERS = (
    "n_due", "n_kept", "kept_share", "kept_low", "kept_high", "n_open", "n_scored_when_kept", "csat_when_kept",
    "mean_score_when_kept", "n_scored_when_broken", "csat_when_broken", "mean_score_when_broken",
)  # fmt: skip
SEGMENT_NUMBERS = ("n_matured", "n_progressed", "progressed_share_of_matured", "progressed_low", "progressed_high")


def bounded(good: int, n: int) -> Row:
    """A share with its 95 % Wilson interval, as three columns; all None where nothing was observed."""
    if n <= 0 or not 0 <= good <= n:
        return {"share": None, "low": None, "high": None}
    low, high = stats.wilson_interval([good], [n])
    return {"share": good / n, "low": float(low[0]), "high": float(high[0])}


def stages(tables: Tables) -> list[Row]:
    """Each stage of the map in order, with what it promises and what was counted in it."""
    counted = {row["stage"]: row for row in ask(tables, "stages")}
    facts = ("stage", "position", "name", "wants", "owner", "within_seconds", "target_progressed")
    return [
        pick(stage, facts) | pick(counted.get(stage["stage"], {}), STAGE_NUMBERS) for stage in ask(tables, "map_stages")
    ]


def touchpoints(tables: Tables, findings: Sequence[Row]) -> list[Row]:
    """Each touchpoint of the map in order, with its numbers and the worst verdict passed on it."""
    counted = {row["touchpoint"]: row for row in ask(tables, "touchpoints")}
    judged: dict[str, list[Row]] = defaultdict(list)
    for finding in findings:
        if finding["touchpoint"] and finding["kind"] not in {"missing", "promise_broken", "data"}:
            judged[finding["touchpoint"]].append(finding)
    rows = []
    for point in ask(tables, "map_touchpoints"):
        key = point["touchpoint"]
        here = judged.get(key, [])
        statuses = {finding["status"] for finding in here}
        status = next((status for status in ("open", "frozen", "ok", "too_small") if status in statuses), "no_target")
        rows.append(
            {"touchpoint": key, "position": point["position"], "status": status}
            | {"open_findings": [finding["finding_id"] for finding in here if finding["status"] == "open"]}
            | pick(point, TOUCHPOINT_FACTS)
            | pick(counted.get(key, {}), TOUCHPOINT_NUMBERS)
        )
    return rows


def weekly(tables: Tables) -> dict[tuple[str, str], list[Row]]:
    """The weekly share of each touchpoint and measure, with its interval, keyed by (touchpoint, measure)."""
    series: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in ask(tables, "weekly"):
        n, good = int(row["n"] or 0), int(row["n_good"] or 0)
        week = {"week_on": row["week_on"], "n": n, "n_good": good} | bounded(good, n)
        series[row["touchpoint"], row["kpi"]].append(week)
    return series


def satisfaction(tables: Tables, names: Mapping[tuple[str, str], str]) -> list[Row]:
    """One row per stage or touchpoint and kind of score; kinds are never averaged together."""
    facts = ("n_invited", "n_answered", "response_share", "n_good", "n_bad", "score", "low", "high", "mean_score")
    rows = [
        pick(row, ("scope", "id", "metric"))
        | {"name": names.get((row["scope"], row["id"]), row["id"])}
        | pick(row, facts)
        for row in ask(tables, "satisfaction")
    ]
    order = {key: number for number, key in enumerate(names)}
    return sorted(rows, key=lambda row: (order.get((row["scope"], row["id"]), len(order)), row["id"], row["metric"]))


def emotion(scores: Sequence[Row], stage: str) -> Row | None:
    """Where a stage stands on -2 (nobody satisfied) .. +2 (everybody), from the kind of score most answered there.

    A share s of satisfied answers stands at 4s - 2, a net promoter score p at p / 50; the bounds are mapped alike.
    """
    here = [
        row
        for row in scores
        if row["scope"] == "stage" and row["id"] == stage and row["n_answered"] and row["score"] is not None
    ]
    if not here:
        return None
    best = max(
        here,
        key=lambda row: (
            row["n_answered"],
            -EMOTION_KINDS.index(row["metric"]) if row["metric"] in EMOTION_KINDS else -9,
        ),
    )

    def placed(value: float | None) -> float | None:
        if value is None:
            return None
        return value / 50 if best["metric"] == "nps_10" else 4 * value - 2

    return {
        "metric": best["metric"], "n": best["n_answered"], "n_good": best["n_good"], "value": placed(best["score"]),
        "low": placed(best["low"]), "high": placed(best["high"]), "is_drawn": best["n_answered"] >= SMALLEST_SHOWN,
    }  # fmt: skip


def about(finding: Row, subject: str) -> bool:
    """Is this finding about that promise or recovery, or about one part of it (two_day_delivery:north)?"""
    text = str(finding["subject"] or "")
    return text == subject or (
        text.startswith(subject) and not text[len(subject)].isalnum() and text[len(subject)] != "_"
    )


def promises(tables: Tables, findings: Sequence[Row], min_cell: int) -> list[Row]:
    """Each promise with its kept share, its parts (regions, say), its weeks and what its customers said."""
    by_promise: dict[str, list[Row]] = defaultdict(list)
    for row in ask(tables, "promises"):
        by_promise[row["promise"]].append(row)
    weeks = promise_weeks(tables, min_cell)
    facts = (
        "promise",
        "name",
        "owner",
        "stage",
        "within_seconds",
        "due_property",
        "by_property",
        "target",
        "next_action",
    )
    rows = []
    for promise in ask(tables, "map_promises"):
        key = promise["promise"]
        whole: Row = next((row for row in by_promise[key] if row["by_value"] == "all"), {})
        parts = [row for row in by_promise[key] if row["by_value"] != "all"]
        flagged = {part for row in findings if about(row, key) for part in _parts_of(row)}
        kept, hidden = _unsuppressed(parts, whole, "n_due", min_cell, flagged)
        rows.append(
            pick(promise, facts)
            | {"status": _status(findings, key)}
            | pick(whole, PROMISE_NUMBERS)
            | {"parts": [pick(row, ("by_value", *PROMISE_NUMBERS)) for row in kept], "n_parts_suppressed": hidden}
            | {"weeks": weeks.get((key, "all"), []), "short_for": _open_for(findings, key)}
        )
    return rows


def promise_weeks(tables: Tables, min_cell: int) -> dict[tuple[str, str], list[Row]]:
    """The weeks of each promise and of each of its parts; a part's week with too few due is blank."""
    weeks: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in ask(tables, "promise_weeks"):
        counted = {"n": row["n_due"], "n_good": row["n_kept"], "share": row["kept_share"]}
        counted |= {"low": row["kept_low"], "high": row["kept_high"]}
        if row["by_value"] != "all" and (row["n_due"] or 0) < min_cell:
            counted = dict.fromkeys(counted)
        weeks[row["promise"], str(row["by_value"])].append({"week_on": row["week_on"]} | counted)
    return weeks


def recoveries(tables: Tables, findings: Sequence[Row], stage_of: Mapping[str, str], min_cell: int) -> list[Row]:
    """What ought to follow, how often it did, and for whom it did not."""
    measured: dict[str, list[Row]] = defaultdict(list)
    for row in ask(tables, "recoveries"):
        measured[row["recovery"]].append(row)
    numbers = ("n_due", "n_met", "met_share", "met_low", "met_high", "n_open")
    facts = ("recovery", "name", "owner", "touchpoint", "within_seconds", "target", "next_action")
    rows = []
    for recovery in ask(tables, "map_recoveries"):
        key = recovery["recovery"]
        whole: Row = next((row for row in measured[key] if row["segment"] == "all"), {})
        kept, hidden = _unsuppressed(
            [row for row in measured[key] if row["segment"] != "all"], whole, "n_due", min_cell
        )
        rows.append(
            pick(recovery, facts)
            | {"stage": stage_of.get(recovery["touchpoint"]), "status": _status(findings, key)}
            | {"missing_for": _open_for(findings, key)}
            | pick(whole, numbers)
            | {"parts": [pick(row, ("segment", *numbers)) for row in kept], "n_parts_suppressed": hidden}
        )
    return rows


def flows(tables: Tables, min_cell: int) -> Row:
    """Who goes from where to where, and the ways most taken; small cells are summed, never listed."""
    moves = ask(tables, "transitions")
    onward = [row for row in moves if row["from_touchpoint"] != row["to_touchpoint"]]
    small = [row for row in onward if (row["n_journeys"] or 0) < min_cell]
    ways = ask(tables, "paths")
    listed = [row for row in ways if row["path"] != "other"]
    facts = ("from_touchpoint", "to_touchpoint", "n_transitions", "n_journeys")
    shown = "path n_steps n_journeys n_closed n_converted converted_share converted_low converted_high".split()
    return {
        "n_transitions": _sum(onward, "n_transitions"),
        "n_repeats": _sum(moves, "n_transitions") - _sum(onward, "n_transitions"),
        "transitions": [pick(row, facts) for row in onward if (row["n_journeys"] or 0) >= min_cell],
        "small": {"n_pairs": len(small), "n_transitions": _sum(small, "n_transitions")},
        "n_journeys": _sum(ways, "n_journeys"),
        "n_single": _sum([row for row in listed if row["n_steps"] == 1], "n_journeys"),
        "paths": [pick(row, shown) for row in listed if row["n_journeys"] >= min_cell][:MOST_PATHS],
        "n_paths": len(listed),
    }


def coverage(tables: Tables) -> list[Row]:
    """Every stage by every channel of the map: touches, or None where no touchpoint is defined."""
    return [
        pick(row, ("stage", "channel", "n_touchpoints", "n_touches", "is_instrumented"))
        for row in ask(tables, "coverage")
    ]


def trend(tables: Tables) -> list[Row]:
    """Journeys by the week they started in; the converted share only of those whose time is over."""
    rows = []
    for row in ask(tables, "trend"):
        n, good = int(row["n_matured"] or 0), int(row["n_converted"] or 0)
        rows.append(
            pick(row, ("week_on", "n_days", "n_started", "n_matured", "n_converted", "revenue_minor"))
            | bounded(good, n)
        )
    return rows


def time_to_progress(tables: Tables) -> list[Row]:
    """How soon customers move on: the share of matured entrants who had, in steps of half a doubling from a minute on.

    `seconds` of a step is 60 * 2 ** (step / 2); the last point is the end of the stage's window.
    """
    counts: dict[tuple[str, int], dict[int | None, int]] = defaultdict(lambda: defaultdict(int))
    for row in ask(tables, "time_to_progress"):
        if row["window_seconds"]:
            counts[row["stage"], row["window_seconds"]][row["step"]] += row["n"]
    rows = []
    for (stage, window), by_step in counts.items():
        n, moved, curve = sum(by_step.values()), 0, []
        steps = [step for step in by_step if step is not None]
        for step in range(max(steps, default=-1) + 1):
            moved += by_step.get(step, 0)
            curve.append({"seconds": min(window, round(60 * 2 ** (step / 2))), "share": moved / n})
        if n >= SMALLEST_SHOWN and moved:
            curve = [at for at in curve if at["seconds"] < window] + [{"seconds": window, "share": moved / n}]
            rows.append({"stage": stage, "n_matured": n, "window_seconds": window, "curve": curve})
    return rows


def segments(tables: Tables, findings: Sequence[Row], min_cell: int) -> list[Row]:
    """Each segment: how many customers, and the share that moves on by stage and at the touchpoints that fall short."""
    whole = {row["stage"]: row for row in ask(tables, "stages")}
    points = {row["touchpoint"]: row for row in ask(tables, "touchpoints")}
    flagged = {
        row["touchpoint"]
        for row in findings
        if row["status"] == "open" and row["metric"] == "progressed" and row["touchpoint"]
    }
    of_stage, of_point = ask(tables, "stage_segments"), ask(tables, "touchpoint_segments")
    rows = []
    for segment in ask(tables, "map_segments"):
        key = segment["segment"]
        mine = [_cell(row, "stage", whole.get(row["stage"], {}), min_cell) for row in of_stage if row["segment"] == key]
        here = [
            _cell(row, "touchpoint", points.get(row["touchpoint"], {}), min_cell)
            for row in of_point
            if row["segment"] == key and row["touchpoint"] in flagged
        ]
        rows.append(pick(segment, ("segment", "name", "story")) | {"stages": mine, "touchpoints": here})
    return rows


def _cell(row: Row, key: str, whole: Row, min_cell: int) -> Row:
    """A segment's numbers, or none when it or the customers outside it are too few to hide in."""
    mine, everyone = int(row["n_customers"] or 0), int(whole.get("n_customers") or 0)
    hidden = mine < min_cell or 0 < everyone - mine < min_cell
    numbers = (
        dict.fromkeys(("n_customers", *SEGMENT_NUMBERS)) if hidden else pick(row, ("n_customers", *SEGMENT_NUMBERS))
    )
    return {key: row[key], "is_suppressed": hidden} | numbers


def _sum(rows: Iterable[Row], key: str) -> int:
    return sum(int(row[key] or 0) for row in rows)


def _unsuppressed(
    parts: Iterable[Row], whole: Row, count: str, min_cell: int, flagged: Iterable[str] = ()
) -> tuple[list[Row], int]:
    """The parts with enough in them. When one alone is hidden and the parts make up the whole, it could be subtracted:
    then the smallest other one that no finding names is hidden too."""
    rows = sorted(parts, key=lambda row: -(row[count] or 0))
    kept = [row for row in rows if (row[count] or 0) >= min_cell]
    if len(rows) - len(kept) == 1 and kept and sum(row[count] or 0 for row in rows) == (whole.get(count) or 0):
        named = set(flagged)
        unnamed = [row for row in kept if row.get("by_value") not in named]
        kept.remove((unnamed or kept)[-1])
    return kept, len(rows) - len(kept)


def _open_for(findings: Sequence[Row], subject: str) -> list[str]:
    named = {part for row in findings if row["status"] == "open" and about(row, subject) for part in _parts_of(row)}
    return sorted(named)


def _parts_of(finding: Row) -> list[str]:
    return str(finding["segment"] or "all").split(", ")


def _status(findings: Sequence[Row], subject: str) -> str:
    statuses = {finding["status"] for finding in findings if about(finding, subject)}
    return next((status for status in ("open", "frozen", "ok", "too_small") if status in statuses), "no_target")
