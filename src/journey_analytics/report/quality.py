"""Is the data fit to read? What arrived, what was refused, what no rule recognised, and who could be told apart.

A night is unfit, and passes no verdict, when a required feed did not come or nothing came at all. A feed that is not
fit to be judged by freezes what rests on it, and nothing else. Warnings are told, and do not silence the report.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from journey_analytics import formats
from journey_analytics.claims import gate
from journey_analytics.report.queries import Tables, ask, pick

Row = dict[str, Any]

FEED_NUMBERS = (
    "source", "is_required", "status", "n_files", "n_read", "n_loaded", "n_duplicate", "n_rejected", "n_out_of_scope",
    "n_late", "n_erased",
    "refused_share", "duplicate_share", "first_event_at", "last_event_at", "hours_since_last_event", "n_after_as_of",
    "n_unmapped", "unmapped_share",
)  # fmt: skip
STITCHING_NUMBERS = (
    "n_customers", "n_journeys", "n_converted", "converted_share", "converted_low", "converted_high",
    "n_converted_stitched", "stitched_share_of_converted", "revenue_minor", "revenue_stitched_minor", "currency",
)  # fmt: skip
MOST_NAMES = 12
MOST_REASONS = 50
ARRIVED = frozenset({"ok", "late"})


def data(tables: Tables, complete_through: datetime.date | None, min_cell: int) -> Row:
    """The data section of the result; `is_fit` decides whether the night passes a verdict."""
    feeds = [pick(row, FEED_NUMBERS) for row in ask(tables, "feeds")]
    checks = ask(tables, "checks")
    reasons = unfit_because(feeds, checks)
    unfit_feeds = gate.unfit_feeds(tables)
    rejects = [pick(row, ("source", "reason", "n")) for row in ask(tables, "rejects")]
    return {
        "is_fit": not reasons,
        "unfit_because": reasons,
        "unfit_feeds": [{"source": source, "because": why} for source, why in unfit_feeds.items()],
        "sentence": sentence(feeds, checks, complete_through, list(unfit_feeds)),
        "feeds": feeds,
        "corrected": corrected(ask(tables, "corrections")),
        "checks": checks,
        "n_warnings": len([row for row in checks if not row["is_met"]]),
        "rejects": rejects[:MOST_REASONS],
        "n_reasons": len(rejects),
        "unmapped": unmapped(tables, feeds, min_cell),
        "identity": {**identity(tables), "stitching": stitching(tables, min_cell)},
    }


def unfit_because(feeds: Sequence[Row], checks: Sequence[Row]) -> list[str]:
    """Why no verdict can be passed tonight, as half-sentences; empty when the data are fit to read."""
    if not feeds or not any(row["n_loaded"] for row in feeds):
        return ["no feed brought any rows"]
    reasons = []
    for row in feeds:
        if row["is_required"] and row["status"] not in ARRIVED:
            how = "brought no rows" if row["status"] == "empty" else "did not arrive"
            reasons.append(f"the feed {formats.name(row['source'], 40)} {how}")
    named = {str(row["source"]) for row in feeds if row["is_required"] and row["status"] not in ARRIVED}
    reasons += [
        f"{formats.name(row['subject'], 40)} did not meet “{formats.name(formats.words(row['expectation']), 40)}”"
        for row in checks
        if not row["is_met"] and row["level"] == "fail" and str(row["subject"]) not in named
    ]
    return reasons


def sentence(
    feeds: Sequence[Row], checks: Sequence[Row], complete_through: datetime.date | None, unfit: Sequence[str]
) -> str:
    """One line on fitness: how far the data reach, which feeds came, what is frozen, what was refused."""
    here = [row for row in feeds if row["status"] in ARRIVED]
    parts = []
    if complete_through and here:
        parts.append(f"Data complete to {formats.day(complete_through)}, 23:59{formats.NBSP}UTC")
    parts.append(f"{len(here)} of {formats.plural(len(feeds), 'feed')} arrived")
    absent = [formats.name(row["source"], 40) for row in feeds if row["status"] not in ARRIVED]
    if absent:
        parts.append(f"missing: {formats.listed(absent[:4])}")
    if unfit:
        parts.append(f"what rests on {formats.listed([formats.name(name, 40) for name in unfit[:4]])} is frozen")
    read, refused = (sum(int(row[key] or 0) for row in feeds) for key in ("n_read", "n_rejected"))
    if read:
        parts.append(f"{formats.share(refused / read)} of {formats.count(read)} rows refused")
    unmet = len([row for row in checks if not row["is_met"]])
    if unmet:
        parts.append(f"{formats.plural(unmet, 'check')} not met")
    return " · ".join(parts)


def corrected(rows: Sequence[Row]) -> Row | None:
    """What tonight changed on days that had been published already, in numbers and as a sentence; None: nothing."""
    if not rows:
        return None
    n_added, n_removed = (sum(int(row[key]) for row in rows) for key in ("n_added", "n_removed"))
    days = sorted({row["on_date"] for row in rows})
    span = formats.day(days[0]) if len(days) == 1 else f"{formats.day(days[0])} to {formats.day(days[-1])}"
    moved = [f"{formats.plural(n_added, 'row')} reached"] if n_added else []
    moved += [f"{formats.plural(n_removed, 'row')} left"] if n_removed else []
    return {
        "n_added": n_added, "n_removed": n_removed, "first_on": days[0], "last_on": days[-1],
        "sentence": f"{formats.listed(moved)} days that had been reported already, {span}: history was corrected",
    }  # fmt: skip


def unmapped(tables: Tables, feeds: Sequence[Mapping[str, Any]], min_cell: int) -> Row:
    """Events that no touchpoint's rule recognises: the map's blind spots."""
    rows = ask(tables, "unmapped")
    n = sum(int(row["n_unmapped"] or 0) for row in feeds)
    loaded = sum(int(row["n_loaded"] or 0) for row in feeds)
    top = [pick(row, ("source", "event_name", "n")) for row in rows if row["n"] >= min_cell]
    return {"n": n, "share": n / loaded if loaded else None, "top": top[:MOST_NAMES], "n_names": len(rows)}


def identity(tables: Tables) -> Row:
    """How many ids were seen, how many belong to a known person, and which devices were too shared to say."""
    kinds = [pick(row, ("id_kind", "n_ids", "n_customers", "n_stitched")) for row in ask(tables, "identities")]
    devices: Row = next(
        (row for row in kinds if "anonymous" in str(row["id_kind"]) or "device" in str(row["id_kind"])), {}
    )
    n, stitched = int(devices.get("n_ids") or 0), int(devices.get("n_stitched") or 0)
    return {
        "kinds": kinds,
        "shared": [pick(row, ("id_kind", "n_ids", "most_accounts")) for row in ask(tables, "shared_ids")],
        "n_devices": n,
        "n_devices_stitched": stitched,
        "stitched_share": stitched / n if n else None,
    }


def stitching(tables: Tables, min_cell: int) -> Row | None:
    """The headline with stitching and without, in numbers and as a sentence; None where there are too few customers."""
    found = {row["stitching"]: pick(row, STITCHING_NUMBERS) for row in ask(tables, "identity_report")}
    if set(found) != {"with", "without"} or min(row["n_customers"] for row in found.values()) < min_cell:
        return None
    joined, apart = found["with"], found["without"]
    rests = "No conversion rests on a stitched link"
    if joined["n_converted_stitched"]:
        rests = (
            f"{formats.count(joined['n_converted_stitched'])} of {formats.plural(joined['n_converted'], 'conversion')} "
            f"({formats.share(joined['stitched_share_of_converted'])}; "
            f"{formats.money(joined['revenue_stitched_minor'], joined['currency'])} of "
            f"{formats.money(joined['revenue_minor'], joined['currency'])}) rest on a stitched link"
        )
    said = f"{rests}. Without stitching {_headline(apart)} would convert, instead of {_headline(joined)}."
    return {**found, "sentence": said}


def _headline(row: Row) -> str:
    """The share of journeys that convert, with its interval and its counts."""
    span = formats.between(row["converted_low"], row["converted_high"])
    return (
        f"{formats.share(row['converted_share'])} ({span}) of {formats.plural(row['n_journeys'], 'journey')} "
        f"by {formats.plural(row['n_customers'], 'customer')}"
    )
