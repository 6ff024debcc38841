"""The report's tables as data: what a figure's data table shows and what its CSV file holds are the same rows.

A CSV follows RFC 4180 with a byte order mark and CRLF, raw values in it, and text that a spreadsheet would read as a
formula is prefixed with an apostrophe; numbers are left as they are. A control character, which a terminal would obey,
is shown as �.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from journey_analytics import formats
from journey_analytics.report import charts

Row = Mapping[str, Any]

MOST_ROWS = 200
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # all but tab and line break
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", formats.MINUS)


@dataclass(frozen=True)
class Column:
    """One column: its key in the row, its heading, and how its values are read (name, count, share, money, date, …)."""

    key: str
    heading: str
    kind: str = "count"

    @property
    def is_number(self) -> bool:
        """Numbers stand right-aligned."""
        return self.kind not in {"name", "text", "date", "flag"}


@dataclass(frozen=True)
class Table:
    """Rows with headings and the questions (of `queries`) that they come from."""

    table_id: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Row]
    questions: Sequence[str] = ()

    @property
    def shown(self) -> Sequence[Row]:
        """The rows that the page holds; the CSV has all of them."""
        return self.rows[:MOST_ROWS]


def cell(value: Any, kind: str, row: Row) -> str:
    """A value as its reader sees it."""
    if value is None:
        return "–"
    if kind == "score":
        return formats.points(value) if row.get("metric") in {"nps", "nps_10"} else formats.share(value)
    if kind == "money":
        return formats.money(value, row.get("currency"))
    plain = {
        "count": formats.count,
        "share": formats.share,
        "points": formats.points,
        "number": formats.number,
        "date": formats.day,
        "seconds": formats.duration,
        "hours": lambda hours: formats.duration(hours * 3600),
        "minute": formats.minute,
    }
    if kind in plain:
        return str(plain[kind](value))  # type: ignore[operator]
    if kind == "flag":
        return "yes" if value else "no"
    return formats.name(", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value)


def raw(value: Any) -> str:
    """A value as a CSV cell: numbers as they are, text guarded against being run as a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    text = _CONTROL.sub("�", text)
    return f"'{text}" if text.lstrip(" \u200b\ufeff").startswith(FORMULA_STARTS) else text


def to_csv(table: Table) -> bytes:
    """The table as CSV bytes, with column keys as the header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([column.key for column in table.columns])
    writer.writerows([raw(row.get(column.key)) for column in table.columns] for row in table.rows)
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def _columns(*specs: str) -> list[Column]:
    """Columns from "key|Heading|kind" texts, which are easier to read in a row than calls."""
    return [Column(*spec.split("|")) for spec in specs]


def tables(result: Mapping[str, Any]) -> dict[str, Table]:
    """Every table of the report by its id; the id is also the name of its CSV file."""
    made = [
        *_judged(result),
        *_journey(result),
        *_promised(result),
        *_declared(result),
        *_moving(result),
        *_arrived(result),
    ]
    return {table.table_id: table for table in made}


def _judged(result: Mapping[str, Any]) -> Iterable[Table]:
    yield Table("findings", "Every judged measure", _columns(
        "finding_id|Finding|text", "title|What|name", "status|Verdict|text", "kind|Kind|text", "metric|Measure|text",
        "estimate|Estimate|score", "low|From|score", "high|To|score", "n_good|Good", "n_matured|Of",
        "reference|Target|score", "owner|Owner|name", "segment|Segment|name", "opened_on|Opened|date",
        "effort|Effort|text", "next_action|Do next|name",
    ), result["findings"], ("findings",))  # fmt: skip
    yield Table("touchpoints", "Every touchpoint", _columns(
        "touchpoint|Touchpoint|text", "name|Name|name", "stage|Stage|name", "channel|Channel|name",
        "status|Status|text", "n_touches|Touches", "n_customers|Customers", "n_matured|Time over",
        "n_open|Still open", "n_progressed|Moved on", "progressed_share_of_matured|Move on|share",
        "progressed_low|From|share", "progressed_high|To|share", "target_progressed|Target|share",
        "csat_share|CSAT|share", "n_csat|CSAT answers", "nps|NPS|points", "n_nps|NPS answers",
        "thumb_share|Rated good|share", "n_thumb|Ratings", "stars_share|4 or 5 stars|share", "n_stars|Star ratings",
        "n_exits|Ended here", "induced_contact_share|Wrote to support|share", "complained_share|Complained|share",
        "out_of_order_share|Out of order|share", "credit_linear|Conversions credited|number", "owner|Owner|name",
    ), result["touchpoints"], ("touchpoints", "map_touchpoints"))  # fmt: skip
    held = [row for row in result["touchpoints"] if row["target_progressed"] is not None and row["n_matured"]]
    yield Table("shortfalls", "Touchpoints against their targets", _columns(
        "touchpoint|Touchpoint|text", "name|Name|name", "n_matured|Time over",
        "progressed_share_of_matured|Move on|share",
        "progressed_low|From|share", "progressed_high|To|share", "target_progressed|Target|share",
    ), held, ("touchpoints", "map_touchpoints"))  # fmt: skip
    for row in charts.trended(result):
        weeks = [{"metric": row["metric"], **week} for week in row["weeks"]]
        yield Table(charts.weeks_table(row["finding_id"]), f"{row['title']}, by week", _columns(
            "week_on|Week of|date", "metric|Measure|text", "n|Counted", "n_good|Good", "share|Share|share",
            "low|From|share", "high|To|share",
        ), weeks, ("promise_weeks" if row["kind"] == "promise_broken" else "weekly",))  # fmt: skip


def _journey(result: Mapping[str, Any]) -> Iterable[Table]:
    yield Table("stages", "Stages", _columns(
        "stage|Stage|text", "name|Name|name", "n_entered|Entered", "n_matured|Time over", "n_progressed|Moved on",
        "n_dropped|Did not", "n_open|Still open", "progressed_share_of_matured|Move on|share",
        "progressed_low|From|share", "progressed_high|To|share", "progressed_share_km|Kaplan–Meier|share",
        "target_progressed|Target|share", "median_hours_to_progress|Median time|hours", "n_customers|Customers",
        "contact_share|Wrote to support|share", "revenue_minor|Revenue|money",
    ), result["stages"], ("stages", "map_stages"))  # fmt: skip
    names = {row["stage"]: row["name"] or formats.words(row["stage"]) for row in result["stages"]}
    points = {row["touchpoint"]: row["name"] for row in result["touchpoints"]}
    everyone = [
        {"segment": "all", "segment_name": "Everyone", "name": names[row["stage"]], **row} for row in result["stages"]
    ]
    parts = [
        {"segment": segment["segment"], "segment_name": segment["name"], "name": names.get(row["stage"]), **row}
        for segment in result["segments"] for row in segment["stages"] if not row["is_suppressed"]
    ]  # fmt: skip
    numbers = (
        "n_customers|Customers", "n_matured|Time over", "n_progressed|Moved on",
        "progressed_share_of_matured|Move on|share", "progressed_low|From|share", "progressed_high|To|share",
    )  # fmt: skip
    yield Table("stage_segments", "Stages by segment", _columns(
        "segment|Segment|text", "segment_name|Name|name", "stage|Stage|text", "name|Stage name|name", *numbers,
    ), [*everyone, *parts], ("stages", "stage_segments"))  # fmt: skip
    flagged = {row["touchpoint"] for segment in result["segments"] for row in segment["touchpoints"]}
    cells = [
        {"segment": "all", "segment_name": "Everyone", **row}
        for row in result["touchpoints"]
        if row["touchpoint"] in flagged
    ]
    cells += [
        {"segment": segment["segment"], "segment_name": segment["name"], "name": points.get(row["touchpoint"]), **row}
        for segment in result["segments"] for row in segment["touchpoints"] if not row["is_suppressed"]
    ]  # fmt: skip
    cells.sort(key=lambda row: list(points).index(row["touchpoint"]))
    yield Table("touchpoint_segments", "What falls short, by segment", _columns(
        "touchpoint|Touchpoint|text", "name|Name|name", "segment|Segment|text", "segment_name|Segment name|name",
        *numbers,
    ), cells, ("touchpoints", "touchpoint_segments"))  # fmt: skip
    curves = [
        {"stage": row["stage"], "name": names.get(row["stage"]), "n_matured": row["n_matured"], **at}
        for row in result["funnel"]["time_to_progress"] for at in row["curve"]
    ]  # fmt: skip
    yield Table("time_to_progress", "How soon customers move on", _columns(
        "stage|Stage|text", "name|Name|name", "seconds|Within|seconds", "share|Had moved on|share", "n_matured|Of",
    ), curves, ("time_to_progress",))  # fmt: skip


def _promised(result: Mapping[str, Any]) -> Iterable[Table]:
    yield Table("satisfaction", "Satisfaction", _columns(
        "scope|Scope|text", "id|Id|text", "name|Name|name", "metric|Kind|text", "n_invited|Invited",
        "n_answered|Answered", "response_share|Answered|share", "n_good|Good", "n_bad|Bad", "score|Score|score",
        "low|From|score", "high|To|score", "mean_score|Mean|number",
    ), result["satisfaction"], ("satisfaction",))  # fmt: skip
    said = (
        "n_due|Due", "n_kept|Kept", "kept_share|Kept|share", "kept_low|From|share", "kept_high|To|share",
        "target|Target|share",
    )  # fmt: skip
    parts = [
        {"promise": row["promise"], "name": row["name"], "target": row["target"], **part}
        for row in result["promises"] for part in [{"by_value": "all", **row}, *row["parts"]]
    ]  # fmt: skip
    yield Table("promises", "Promises", _columns(
        "promise|Promise|text", "name|Name|name", "by_value|Part|name", *said, "n_open|Still open",
        "n_scored_when_kept|Scores when kept", "csat_when_kept|Satisfied when kept|share",
        "mean_score_when_kept|Mean when kept|number", "n_scored_when_broken|Scores when broken",
        "csat_when_broken|Satisfied when broken|share", "mean_score_when_broken|Mean when broken|number",
    ), parts, ("promises", "map_promises"))  # fmt: skip
    for row in result["promises"]:
        weeks = [{"target": row["target"], **week} for week in row["weeks"]]
        columns = _columns(
            "week_on|Week of|date", "n|Due", "n_good|Kept", "share|Kept|share", "low|From|share", "high|To|share",
            "target|Target|share",
        )  # fmt: skip
        yield Table(charts.weeks_table(row["promise"]), f"{row['name']}, by week", columns, weeks, ("promise_weeks",))
    followed = [
        {"recovery": row["recovery"], "name": row["name"], "target": row["target"], **part}
        for row in result["recoveries"] for part in [{"segment": "all", **row}, *row["parts"]]
    ]  # fmt: skip
    yield Table("recoveries", "Follow-ups", _columns(
        "recovery|Follow-up|text", "name|Name|name", "segment|Segment|name", "n_due|Cases", "n_met|Followed up",
        "met_share|In time|share", "met_low|From|share", "met_high|To|share", "target|Target|share",
        "n_open|Still open",
    ), followed, ("recoveries", "map_recoveries"))  # fmt: skip


def _declared(result: Mapping[str, Any]) -> Iterable[Table]:
    steps = [{"funnel": row["funnel"], **step} for row in result["funnels"] for step in row["steps"]]
    yield Table("funnel_steps", "Declared funnels", _columns(
        "funnel|Funnel|name", "step_number|Step", "step|Name|name", "n|Made it", "n_open|Still open",
        "n_lost|Lost after", "share_of_first|Of the first|share", "low|From|share", "high|To|share",
        "share_km|In the end|share", "km_low|From|share", "km_high|To|share",
        "share_of_previous|Of the one before|share",
        "low_of_previous|From|share", "high_of_previous|To|share", "median_seconds_from_previous|Median time|seconds",
        "p90_seconds_from_previous|Nine in ten within|seconds",
    ), steps, ("funnel_steps", "funnels"))  # fmt: skip
    groups = [{"funnel": row["funnel"], **group} for row in result["funnels"] for group in row["groups"]]
    yield Table("funnel_groups", "Declared funnels, by group", _columns(
        "funnel|Funnel|name", "segment|Segment|name", "breakdown_value|Group|name", "n_first|Began", "n|Finished",
        "share_of_first|Finished|share", "low|From|share", "high|To|share",
    ), groups, ("funnel_steps",))  # fmt: skip


def _moving(result: Mapping[str, Any]) -> Iterable[Table]:
    yield Table("transitions", "From where to where", _columns(
        "from_touchpoint|From|name", "to_touchpoint|To|name", "n_transitions|Transitions", "n_journeys|Journeys",
    ), result["flows"]["transitions"], ("transitions",))  # fmt: skip
    yield Table("paths", "The ways most taken", _columns(
        "path|Way|name", "n_steps|Steps", "n_journeys|Journeys", "n_closed|Ended", "n_converted|Converted",
        "converted_share|Converted|share", "converted_low|From|share", "converted_high|To|share",
    ), result["flows"]["paths"], ("paths",))  # fmt: skip
    yield Table("coverage", "Stage by channel", _columns(
        "stage|Stage|name", "channel|Channel|name", "n_touchpoints|Touchpoints", "n_touches|Touches",
        "is_instrumented|Instrumented|flag",
    ), result["coverage"], ("coverage",))  # fmt: skip
    weeks = [{"currency": result["currency"], **row} for row in result["trend"]]
    yield Table("trend", "Journeys by the week they started", _columns(
        "week_on|Week of|date", "n_started|Started", "n_matured|Time over", "n_converted|Converted",
        "share|Converted|share", "low|From|share", "high|To|share", "revenue_minor|Revenue|money",
    ), weeks, ("trend",))  # fmt: skip


def _arrived(result: Mapping[str, Any]) -> Iterable[Table]:
    data = result["data"]
    yield Table("feeds", "Feeds", _columns(
        "source|Feed|name", "status|Status|text", "is_required|Required|flag", "n_files|Files", "n_read|Read",
        "n_loaded|Loaded", "n_duplicate|Duplicate", "n_rejected|Refused", "n_out_of_scope|Out of scope",
        "n_late|Late", "n_erased|Erased", "refused_share|Refused|share", "last_event_at|Last event|minute",
        "hours_since_last_event|Age at the end|hours", "unmapped_share|Unmapped|share",
    ), data["feeds"], ("feeds",))  # fmt: skip
    yield Table("checks", "Checks", _columns(
        "scope|Of|text", "subject|Subject|name", "expectation|Expectation|name", "level|Level|text",
        "is_met|Met|flag", "observed|Observed|name", "expected|Expected|name", "n_unexpected|Unexpected",
    ), data["checks"], ("checks",))  # fmt: skip
    reasons = _columns("source|Feed|name", "reason|Reason|name", "n|Rows")
    yield Table("rejects", "Why rows were refused", reasons, data["rejects"], ("rejects",))
    names = _columns("source|Feed|name", "event_name|Event|name", "n|Events")
    yield Table("unmapped", "Events that no rule recognises", names, data["unmapped"]["top"], ("unmapped",))
