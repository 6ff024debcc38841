"""What the night says: the findings as rows of the result, the one sentence above them, and what changed since last time.

A finding is a claim with its odds: every sentence here carries the count it stands on. Words like "because" have no place:
a share that lies below its target is a shortfall, not a cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey_analytics import formats
from journey_analytics.queries import Tables, ask, pick

Row = dict[str, Any]

LONGEST_SENTENCE = 140
FACTS = (
    "finding_id", "kind", "question", "subject", "title", "touchpoint", "stage", "channel", "segment", "owner", "status",
    "opened_on", "closed_on", "nights_open", "metric", "estimate", "low", "high", "n_matured", "n_good", "reference",
    "reference_source", "evidence", "onset_on", "value_at_risk_low", "value_at_risk_mid", "value_at_risk_high", "currency",
    "mix_share", "rate_share", "next_action", "caveat", "effort", "importance", "rank",
)  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """How a measure is spoken of: what the share says, of whom, and on which side of its reference it falls short."""

    label: str
    says: str
    of: str
    is_points: bool = False
    more_is_worse: bool = False


MEASURES: Mapping[str, Measure] = {
    "progressed": Measure("Moves on", "{} of customers move on", "customers whose time is over"),
    "csat": Measure("Satisfied (CSAT)", "{} are satisfied", "answers"),
    "nps": Measure("Net promoter score", "The net promoter score is {}", "answers", is_points=True),
    "thumb": Measure("Rated good", "{} rate it good", "ratings"),
    "stars": Measure("4 or 5 stars", "{} give 4 or 5 stars", "ratings"),
    "ces": Measure("Found it easy (CES)", "{} found it easy", "answers"),
    "kept": Measure("Promise kept", "The promise is kept for {}", "that were due"),
    "met": Measure("Followed up in time", "{} are followed up in time", "cases"),
    "complained": Measure("Complains", "{} of customers complain after it", "customers reached", more_is_worse=True),
    "out_of_order": Measure(
        "Out of order", "{} of its touches come after the order is paid", "touches", more_is_worse=True
    ),
}
SAME_AS = {
    "csat_5": "csat", "nps_10": "nps", "stars_5": "stars", "ces_7": "ces", "progressed_share_of_matured": "progressed",
    "csat_share": "csat", "thumb_share": "thumb", "stars_share": "stars", "kept_share": "kept", "met_share": "met",
    "complained_share": "complained", "out_of_order_share": "out_of_order",
}  # fmt: skip


def measure(metric: object) -> Measure:
    """How to speak of a metric; one that has no words of its own is named as it is in the table."""
    key = SAME_AS.get(str(metric), str(metric))
    return MEASURES.get(key) or Measure(formats.words(key), f"{formats.words(key)} is {{}}", "cases")


def value(finding: Row, key: str) -> str:
    """A number of a finding, in the unit of its metric."""
    return formats.points(finding[key]) if measure(finding["metric"]).is_points else formats.share(finding[key])


def claim(finding: Row) -> str:
    """What is seen: "38 % of customers move on"."""
    return measure(finding["metric"]).says.format(value(finding, "estimate"))


def against(finding: Row) -> str:
    """What it is held to: "target 51 %"; empty without a reference."""
    if finding["reference"] is None:
        return ""
    words = {"target": "target", "history": "its own past", "peers": "its peers"}
    source = words.get(str(finding["reference_source"] or "target"), "target")
    at_most = "at most " if measure(finding["metric"]).more_is_worse and source == "target" else ""
    return f"{source} {at_most}{value(finding, 'reference')}"


def odds(finding: Row) -> str:
    """How sure that is: "between 36 % and 40 % (95 %), of 2,913 customers whose time is over"."""
    said = measure(finding["metric"])
    n = finding["n_matured"] or 0
    of = said.of if n != 1 else said.of.replace("customers", "customer").replace("answers", "answer")
    counted = f"of {formats.count(n)} {of}"
    span = formats.between(finding["low"], finding["high"], is_points=said.is_points)
    return f"{span} with 95{formats.THIN}% confidence, {counted}" if span else counted


def findings(tables: Tables, weekly: Mapping[tuple[str, str], list[Row]]) -> list[Row]:
    """Every judged series, the open ones first and in rank order, each with its weeks where it has any."""
    order = {"open": 0, "ok": 1, "too_small": 2}
    rows = []
    for row in ask(tables, "findings"):
        metric = SAME_AS.get(str(row["metric"]), str(row["metric"]))
        series = weekly.get((row["touchpoint"], metric), []) if row["kind"] not in {"missing", "promise_broken"} else []
        rows.append(
            pick(row, FACTS)
            | {"metric": metric, "is_frozen": False, "weeks": series if row["status"] == "open" else []}
        )
    return sorted(
        rows, key=lambda row: (order.get(row["status"], 3), row["rank"] is None, row["rank"] or 0, row["finding_id"])
    )


def frozen(rows: Sequence[Row], previous: Mapping[str, Any] | None) -> list[Row]:
    """On a night without a verdict nothing opens and nothing closes: only what was open last time stays open."""
    open_before = {row["finding_id"] for row in (previous or {}).get("findings", []) if row["status"] == "open"}
    kept = []
    for row in rows:
        stays = row["finding_id"] in open_before
        status = "open" if stays else "withheld" if row["status"] == "open" else row["status"]
        kept.append(row | {"status": status, "is_frozen": stays})
    return kept


def verdict(rows: Sequence[Row], data: Row, n_customers: int) -> Row:
    """The counts, and one sentence of at most 140 characters; `parts` holds it with the names from data apart."""
    judged = [row for row in rows if row["kind"] != "data"]
    n_open, n_ok, n_small = (
        len([row for row in judged if row["status"] == status]) for status in ("open", "ok", "too_small")
    )
    if not data["is_fit"]:
        parts = _cut(f"No verdict tonight: {formats.listed(data['unfit_because'][:2])}.")
    elif n_customers == 0:
        parts = _cut("No verdict yet: no customer has been seen.")
    elif not n_open + n_ok and n_small:
        parts = _cut(f"No verdict yet: {formats.plural(n_small, 'measure')} still too small to judge.")
    elif not n_open + n_ok:
        parts = _cut("No verdict: no touchpoint has a target to be held to.")
    elif not n_open:
        rest = f" {formats.count(n_small)} could not be judged." if n_small else ""
        parts = _cut(f"No touchpoint or promise falls short of its target beyond chance.{rest}")
    else:
        parts = _shortfalls([row for row in judged if row["status"] == "open"], judged)
    return {
        "sentence": "".join(part["text"] for part in parts), "parts": parts, "n_open": n_open, "n_judged": n_open + n_ok,
        "n_ok": n_ok, "n_too_small": n_small,
    }  # fmt: skip


def _shortfalls(open_rows: Sequence[Row], judged: Sequence[Row]) -> list[Row]:
    points = {
        row["touchpoint"] for row in open_rows if row["kind"] not in {"missing", "promise_broken"} and row["touchpoint"]
    }
    of = {
        row["touchpoint"]
        for row in judged
        if row["kind"] not in {"missing", "promise_broken"} and row["status"] in {"open", "ok"}
    } - {None}
    promises = {row["subject"] for row in open_rows if row["kind"] == "promise_broken"}
    missing = {row["subject"] for row in open_rows if row["kind"] == "missing"}
    counts = []
    if points:
        underperform = "underperforms" if len(points) == 1 else "underperform"
        counts.append(f"{len(points)} of {formats.plural(len(of), 'touchpoint')} {underperform}")
    if promises:
        counts.append(f"{formats.plural(len(promises), 'promise')} {'is' if len(promises) == 1 else 'are'} broken")
    if missing:
        counts.append(f"{formats.plural(len(missing), 'follow-up')} {'is' if len(missing) == 1 else 'are'} missing")
    if not counts:
        counts.append(f"{formats.plural(len(open_rows), 'measure')} {'falls' if len(open_rows) == 1 else 'fall'} short")
    first = open_rows[0]
    head, tail = (
        f"{formats.listed(counts)}. First: ",
        f", {value(first, 'estimate')} against {value(first, 'reference')}.",
    )
    if first["reference"] is None:
        tail = f", {value(first, 'estimate')}."
    for start in (head, f"{counts[0]}. First: "):
        room = LONGEST_SENTENCE - len(start) - len(tail)
        if room >= min(24, len(formats.plain(first["title"]))):
            break
    return [_text(start), {"text": formats.name(first["title"], room), "is_name": True}, _text(tail)]


def _text(words: str) -> Row:
    return {"text": words, "is_name": False}


def _cut(words: str) -> list[Row]:
    return [_text(words if len(words) <= LONGEST_SENTENCE else words[: LONGEST_SENTENCE - 1].rstrip() + "…")]


def changes(
    rows: Sequence[Row], facts_now: Mapping[str, Any], previous: Mapping[str, Any] | None, *, is_fit: bool
) -> Row:
    """What opened, closed and worsened since the previous run, and whether the map or the tool itself changed meanwhile."""
    nothing: Row = {
        "previous_run_id": None,
        "previous_as_of": None,
        "opened": [],
        "closed": [],
        "worsened": [],
        "is_map_changed": False,
    }
    if previous is None or previous.get("run_id") == facts_now["run_id"]:
        return nothing | {"note": "First run: there is nothing to compare with yet."}
    before = {row["finding_id"]: row for row in previous.get("findings", []) if row["status"] == "open"}
    now = {row["finding_id"]: row for row in rows if row["status"] == "open"}
    notes = []
    if not is_fit:
        notes.append("The flags are frozen: nothing opens or closes on a night without a verdict.")
    if previous.get("map_hash") != facts_now["map_hash"]:
        notes.append("The journey map was edited since, so some changes may be changes of definition.")
    if previous.get("code_version") != facts_now["code_version"]:
        notes.append("The tool itself was updated since.")
    if previous.get("as_of") == facts_now["as_of"]:
        notes.append("Both runs read the same days: changes are corrections of data, not of performance.")
    return {
        "previous_run_id": previous.get("run_id"),
        "previous_as_of": previous.get("as_of"),
        "opened": [_named(now[key]) for key in now if key not in before],
        "closed": [_named(before[key]) for key in before if key not in now],
        "worsened": [_named(now[key]) for key in now if key in before and _is_worse(now[key], before[key])],
        "is_map_changed": previous.get("map_hash") != facts_now["map_hash"],
        "note": " ".join(notes),
    }


def _named(row: Mapping[str, Any]) -> Row:
    return {"finding_id": row["finding_id"], "title": row["title"]}


def _is_worse(now: Row, before: Mapping[str, Any]) -> bool:
    """Worse beyond chance: tonight's estimate lies outside last time's interval, on the wrong side."""
    if now["estimate"] is None or before.get("low") is None or before.get("high") is None:
        return False
    if measure(now["metric"]).more_is_worse:
        return bool(now["estimate"] > before["high"])
    return bool(now["estimate"] < before["low"])
