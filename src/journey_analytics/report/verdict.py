"""What the night says: the findings as rows of the result, the one sentence above them, and what changed since.

A finding is a claim with its odds: every sentence here carries the count it stands on. Words like "because" have no
place: a share that lies below its target is a shortfall, not a cause.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey_analytics import formats
from journey_analytics.claims import findings, series
from journey_analytics.report.queries import Tables, ask, pick

Row = dict[str, Any]

LONGEST_SENTENCE = 140
SHORTEST_NAME = 24
OF_PROMISES = frozenset({"missing", "promise_broken"})


@dataclass(frozen=True)
class Said:
    """How a measure is spoken of: a label, what the share says at length and in short, and of whom."""

    label: str
    says: str
    short: str
    of: str
    is_points: bool = False
    is_at_most: bool = False


SHORT = {
    "progressed": ("Moves on", "{} move on"),
    "csat": ("Satisfied (CSAT)", "{} satisfied"),
    "nps": ("Net promoter score", "NPS {}"),
    "thumb": ("Rated good", "{} rate it good"),
    "stars": ("4 or 5 stars", "{} give 4–5 stars"),
    "kept": ("Promise kept", "{} kept"),
    "met": ("Followed up in time", "{} followed up"),
    "complained": ("Complaints", "{} complain"),
    "out_of_order": ("Out of order", "{} out of order"),
}
MEASURES = {
    one.metric: Said(*SHORT[one.metric][:1], one.says, SHORT[one.metric][1], one.of, one.is_points, one.is_at_most)
    for one in (*series.TOUCHPOINT_MEASURES, series.KEPT, series.MET)
}


def measure(metric: object) -> Said:
    """How to speak of a metric; one that has no words of its own is named as it is in the table."""
    key = str(metric)
    label = formats.words(key)
    return MEASURES.get(key) or Said(label, f"{label} is {{}}", f"{label.lower()} {{}}", "cases")


def value(finding: Mapping[str, Any], key: str) -> str:
    """A number of a finding, in the unit of its metric."""
    return formats.points(finding[key]) if measure(finding["metric"]).is_points else formats.share(finding[key])


def claim(finding: Mapping[str, Any]) -> str:
    """What is seen: "38 % of customers move on"."""
    if finding["estimate"] is None:
        return formats.plain(finding.get("claim") or "Nothing counted yet")
    return measure(finding["metric"]).says.format(value(finding, "estimate"))


def against(finding: Mapping[str, Any]) -> str:
    """What it is held to: "target 51 %"; empty without a reference."""
    if finding["reference"] is None:
        return ""
    words = {"target": "target", "history": "its own past", "peers": "its peers"}
    source = words.get(str(finding["reference_source"] or "target"), "target")
    at_most = "at most " if measure(finding["metric"]).is_at_most and source == "target" else ""
    return f"{source} {at_most}{value(finding, 'reference')}"


def odds(finding: Mapping[str, Any]) -> str:
    """How sure that is: "36 % to 40 % (95 % interval), of 2,913 whose time is over"."""
    said = measure(finding["metric"])
    if finding["estimate"] is None or not finding["n_matured"]:
        return ""
    counted = f"of {formats.count(finding['n_matured'])} {said.of}"
    span = formats.between(finding["low"], finding["high"], is_points=said.is_points)
    return f"{span} (95{formats.THIN}% interval), {counted}" if span else counted


def rows(tables: Tables, weekly: Mapping[tuple[str, str], list[Row]]) -> list[Row]:
    """Every judged series, the open ones first and in rank order, each open one with its weeks where it has any.

    `weekly` holds weeks by (touchpoint, metric), and by (promise, part) for promises.
    """
    order = {"open": 0, "ok": 1, "too_small": 2, "frozen": 3}
    found = []
    for row in ask(tables, "findings"):
        series = (
            (row["subject"], row["segment"]) if row["kind"] == "promise_broken" else (row["touchpoint"], row["metric"])
        )
        weeks = weekly.get(series, []) if row["status"] == "open" and row["kind"] != "missing" else []
        found.append(pick(row, findings.NAMES) | {"is_frozen": False, "weeks": weeks})
    return sorted(
        found, key=lambda row: (order.get(row["status"], 4), row["rank"] is None, row["rank"] or 0, row["finding_id"])
    )


def frozen(found: Sequence[Row], previous: Mapping[str, Any] | None) -> list[Row]:
    """On a night without a verdict nothing opens and nothing closes: what was open stays, as it stood last time."""
    before = [
        pick(row, findings.NAMES) | {"is_frozen": True, "weeks": row.get("weeks") or []}
        for row in open_now((previous or {}).get("findings", []))
    ]
    staying = {row["finding_id"] for row in before}
    tonight = [row for row in found if row["finding_id"] not in staying]
    return before + [
        row | {"status": "withheld"} if row["status"] == "open" and row["kind"] != "data" else row for row in tonight
    ]


def held(found: Sequence[Row], previous: Mapping[str, Any] | None) -> list[Row]:
    """Where a feed freezes what rests on it: what was open of that stays open, as it stood last time."""
    frozen_now = {_series(row) for row in found if row["status"] == "frozen"}
    staying = [
        pick(row, findings.NAMES) | {"is_frozen": True, "weeks": row.get("weeks") or []}
        for row in open_now((previous or {}).get("findings", []))
        if _series(row) in frozen_now
    ]
    standing = {_series(row) for row in staying}
    judged = [row for row in found if not (row["status"] == "frozen" and _series(row) in standing)]
    is_open = [row for row in judged if row["status"] == "open" and row["kind"] != "data"]
    return [*is_open, *staying, *(row for row in judged if row not in is_open)]


def _series(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["kind"], row["subject"], row["metric"]


def open_now(found: Sequence[Mapping[str, Any]]) -> list[Any]:
    """What falls short tonight; what is wrong with a feed is told with the data."""
    return [row for row in found if row["status"] == "open" and row["kind"] != "data"]


def verdict(found: Sequence[Row], data: Row, n_customers: int) -> Row:
    """The counts, and one sentence of at most 140 characters; `parts` holds it as it is set, names from data apart."""
    judged = [row for row in found if row["kind"] != "data"]
    n_open, n_ok, n_small, n_frozen = (
        len([row for row in judged if row["status"] == status]) for status in ("open", "ok", "too_small", "frozen")
    )
    unfit = [f"the feed {formats.name(feed['source'], 40)} {feed['because']}" for feed in data["unfit_feeds"]]
    if not data["is_fit"]:
        parts = _cut(f"No verdict tonight: {formats.listed(data['unfit_because'][:2])}.")
    elif n_customers == 0:
        parts = _cut("No verdict yet: no customer has been seen.")
    elif not n_open + n_ok and n_frozen:
        parts = _cut(f"No verdict tonight: {formats.listed(unfit[:2])}.")
    elif not n_open + n_ok and n_small:
        parts = _cut(f"No verdict yet: {formats.plural(n_small, 'measure')} still too small to judge.")
    elif not n_open + n_ok:
        parts = _cut("No verdict: no touchpoint has a target to be held to.")
    elif not n_open:
        unjudged = n_small + n_frozen
        rest = f" {formats.count(unjudged)} could not be judged." if unjudged else ""
        parts = _cut(f"No touchpoint or promise falls short of its target beyond chance.{rest}")
    else:
        parts = _shortfalls(open_now(judged), judged)
    counts = {"n_open": n_open, "n_judged": n_open + n_ok, "n_ok": n_ok, "n_too_small": n_small, "n_frozen": n_frozen}
    sentence = "".join(part["text"] for part in parts).replace(formats.NBSP, " ").replace(formats.THIN, " ")
    return {"sentence": sentence, "parts": parts} | counts


def _shortfalls(short: Sequence[Row], judged: Sequence[Row]) -> list[Row]:
    """Counts first, then the finding that stands first: as much of both as 140 characters hold."""
    counts = _counted(short, judged)
    first = short[0]
    said = measure(first["metric"]).short.format(value(first, "estimate"))
    target = against(first)
    ends = [f": {said}, {target}." if target else f": {said}.", f": {said}."]
    starts = [f"{formats.listed(counts)}. First: ", f"{counts[0]}. First: "]
    for start, end in [(starts[0], ends[0]), (starts[0], ends[1]), (starts[1], ends[0]), (starts[1], ends[1])]:
        room = LONGEST_SENTENCE - len(start) - len(end)
        if room >= min(SHORTEST_NAME, len(formats.plain(first["title"]))):
            break
    return [_text(start), {"text": formats.name(first["title"], room), "is_name": True}, _text(end)]


def _counted(short: Sequence[Row], judged: Sequence[Row]) -> list[str]:
    points = {row["touchpoint"] for row in short if row["kind"] not in OF_PROMISES and row["touchpoint"]}
    of = {row["touchpoint"] for row in judged if row["kind"] not in OF_PROMISES and row["status"] in {"open", "ok"}}
    promises = {row["subject"] for row in short if row["kind"] == "promise_broken"}
    missing = {row["subject"] for row in short if row["kind"] == "missing"}
    counts = []
    if points:
        verb = "underperforms" if len(points) == 1 else "underperform"
        counts.append(f"{len(points)} of {formats.plural(len(of - {None}), 'touchpoint')} {verb}")
    if promises:
        verb = "is" if len(promises) == 1 else "are"
        counts.append(f"{formats.plural(len(promises), 'promise')} {verb} broken")
    if missing:
        counts.append(f"{formats.plural(len(missing), 'follow-up')} {'is' if len(missing) == 1 else 'are'} missing")
    fall = "falls" if len(short) == 1 else "fall"
    return counts or [f"{formats.plural(len(short), 'measure')} {fall} short"]


def _text(words: str) -> Row:
    return {"text": words, "is_name": False}


def _cut(words: str) -> list[Row]:
    return [_text(words if len(words) <= LONGEST_SENTENCE else words[: LONGEST_SENTENCE - 1].rstrip() + "…")]


def changes(
    found: Sequence[Row], facts_now: Mapping[str, Any], previous: Mapping[str, Any] | None, *, is_fit: bool
) -> Row:
    """What opened, closed and worsened since the previous run, and whether the map or the tool changed meanwhile."""
    if previous is None or previous.get("run_id") == facts_now["run_id"]:
        nothing: Row = {"previous_run_id": None, "previous_as_of": None, "opened": [], "closed": [], "worsened": []}
        return nothing | {"is_map_changed": False, "note": "First run: there is nothing to compare with yet."}
    before = {row["finding_id"]: row for row in open_now(previous.get("findings", []))}
    now = {row["finding_id"]: row for row in open_now(found)}
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
    if measure(now["metric"]).is_at_most:
        return bool(now["estimate"] > before["high"])
    return bool(now["estimate"] < before["low"])
