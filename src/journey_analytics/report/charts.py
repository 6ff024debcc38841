"""The figures that readers explore, as plotly specifications: what is drawn, in the words and colours of the page.

A figure is a rendering of one table of `exports`, and is made only where there is something to draw. Plotly itself
checks each specification. Nothing here touches a file or a warehouse.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from journey_analytics import formats
from journey_analytics.report import chartparts as parts
from journey_analytics.report import verdict
from journey_analytics.report.chartparts import BAND, BAR, GRID, INK, SERIES, SMALLEST_SHOWN, SYMBOLS, enough, safe

Row = Mapping[str, Any]

ENDS = {"start": "Start", "exit": "Left", "open": "Still open", "other": "Other"}
ENDED = frozenset({"exit", "open"})
MOST_TRENDS = 8
MOST_POINTS = 200
MOST_BARS = 18
MOST_FLAGGED = 6
MOST_SEGMENTS = 5


@dataclass(frozen=True)
class Figure:
    """One figure: its words, the table that holds the same numbers, its specification and its height in pixels.

    `entries` are the calendar's words for the letters on it.
    """

    anchor: str
    headline: str
    subtitle: str
    table: str
    spec: Mapping[str, Any]
    height: int
    is_roomy: bool = False
    entries: Sequence[str] = ()


@cache
def library() -> str:
    """plotly.js as gzip in base64: the same version gives the same text."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode("utf-8"), 9, mtime=0)).decode("ascii")


def figures(result: Row) -> dict[str, list[Figure]]:
    """The report's figures by section, each only where there is something to draw."""
    drawn = {
        "funnel": [stage_segments(result), time_to_progress(result)],
        "touchpoints": [touchpoint_map(result)],
        "satisfaction": [answers(result)],
        "promises": [promise_trend(row) for row in result["promises"]],
        "trends": [conversion_trend(result), *[finding_trend(result, row) for row in trended(result)]],
        "segments": [flagged_segments(result)],
        "flows": [sankey(result)],
    }
    return {section: [figure for figure in made if figure is not None] for section, made in drawn.items()}


def trended(result: Row) -> list[Row]:
    """The open findings whose weeks are drawn with the trends; a promise as a whole is drawn with the promises."""
    rows = [row for row in verdict.open_now(result["findings"]) if len(enough(row["weeks"])) > 2]
    return [row for row in rows if row["kind"] != "promise_broken" or row["segment"] != "all"][:MOST_TRENDS]


def weeks_table(subject: object) -> str:
    """The name of the table that holds the weeks of one finding or promise."""
    return formats.anchor("weeks", subject)


def trend_anchor(finding: Row) -> str:
    """Where a finding's trend stands on the page."""
    if finding["kind"] == "promise_broken" and finding["segment"] == "all":
        return promise_anchor(finding["subject"])
    return formats.anchor("fig-trend", finding["finding_id"])


def promise_anchor(promise: object) -> str:
    """Where a promise's trend stands on the page."""
    return formats.anchor("fig-promise", promise)


def stage_names(result: Row) -> dict[str, str]:
    """The words for each stage."""
    return {row["stage"]: row["name"] or formats.words(row["stage"]) for row in result["stages"]}


def stage_segments(result: Row) -> Figure | None:
    """The share that moves on from each stage, a dot with its interval for everyone and for each segment."""
    names = stage_names(result)
    stages = [row["stage"] for row in result["stages"] if (row["n_matured"] or 0) >= SMALLEST_SHOWN]
    groups = [("Everyone", result["stages"])]
    groups += [(str(row["name"] or row["segment"]), row["stages"]) for row in result["segments"][:MOST_SEGMENTS]]
    if not stages or len(groups) < 2:
        return None
    data = []
    for number, (label, cells) in enumerate(groups):
        shown = [row for row in cells if row["stage"] in stages and (row["n_matured"] or 0) >= SMALLEST_SHOWN]
        shift = (number - (len(groups) - 1) / 2) * 0.8 / (len(groups) + 1)
        colour = INK if number == 0 else SERIES[number - 1]
        trace = parts.dots(shown, [stages.index(row["stage"]) + shift for row in shown], colour)
        trace |= {"name": safe(label, 40), "text": [parts.says(label, names[row["stage"]], row) for row in shown]}
        data.append(trace | {"marker": {"color": colour, "size": 10, "symbol": SYMBOLS[number]}})
    ticks = {"tickvals": list(range(len(stages))), "ticktext": [safe(names[stage], 24) for stage in stages]}
    layout = parts.layout(
        height=parts.tall(90 + len(stages) * (24 + 14 * len(groups))),
        margin={"l": 8, "r": 16, "t": 44, "b": 40},
        xaxis=parts.percent(),
        yaxis=parts.plain(ticks | {"range": [len(stages) - 0.4, -0.6]}),
        showlegend=True,
        legend=parts.legend(),
    )
    subtitle = "Share of customers who move on from each stage, with 95 % intervals, by segment"
    return _figure("fig-stage-segments", "Where segments part ways", subtitle, "stage_segments", data, layout)


def time_to_progress(result: Row) -> Figure | None:
    """How soon customers move on: one small chart a stage, with the same upright axis."""
    rows = result["funnel"]["time_to_progress"]
    if not rows:
        return None
    names, wide = stage_names(result), 1 / len(rows)
    data, notes = [], []
    layout = parts.layout(height=320, margin={"l": 44, "r": 16, "t": 40, "b": 48})
    for number, row in enumerate(rows):
        suffix = "" if number == 0 else str(number + 1)
        left = number * wide + (0.01 if number else 0.0)
        says = [f"{formats.share(at['share'])} within {formats.duration(at['seconds'])}" for at in row["curve"]]
        data.append({
            "type": "scatter", "mode": "lines", "x": [at["seconds"] for at in row["curve"]],
            "y": [at["share"] for at in row["curve"]], "xaxis": f"x{suffix}", "yaxis": f"y{suffix}",
            "line": {"color": BAR, "width": 2.4}, "fill": "tozeroy", "fillcolor": BAND, "text": says,
            "hovertemplate": "%{text}<extra></extra>",
        })  # fmt: skip
        across = {"domain": [left, (number + 1) * wide - 0.025], "anchor": f"y{suffix}"}
        layout[f"xaxis{suffix}"] = parts.plain(across | parts.spans(row["window_seconds"]))
        layout[f"yaxis{suffix}"] = parts.percent({"anchor": f"x{suffix}", "showticklabels": number == 0})
        notes.append(parts.note(safe(names.get(row["stage"], row["stage"]), 22), left, 1.0, {"yshift": 24}))
    layout["annotations"] = notes
    subtitle = "Share who had moved on by then, of those whose time is over; each axis ends with the stage's own time"
    return _figure(
        "fig-time", "How soon customers move on", subtitle, "time_to_progress", data, layout, is_roomy=len(rows) > 2
    )


def touchpoint_map(result: Row) -> Figure | None:
    """Volume against shortfall: what lies low and to the right costs most customers."""
    measured = [row for row in result["touchpoints"] if (row["n_matured"] or 0) >= SMALLEST_SHOWN]
    rows = sorted(
        (row for row in measured if row["target_progressed"] is not None),
        key=lambda row: (-row["n_matured"], row["touchpoint"]),
    )[:MOST_POINTS]
    if len(rows) < 3:
        return None
    short = {row["touchpoint"] for row in verdict.open_now(result["findings"]) if row["metric"] == "progressed"}
    data = [
        parts.gaps([row for row in rows if row["touchpoint"] not in short], "no shortfall found"),
        parts.gaps([row for row in rows if row["touchpoint"] in short], "underperforms", is_short=True),
    ]
    sizes = [row["n_matured"] for row in rows]
    ticks = [size for size in parts.DECADES if min(sizes) / 2 < size < max(sizes) * 2]
    across = {"type": "log", "tickvals": ticks, "ticktext": [formats.count(tick) for tick in ticks]}
    upright = {"zeroline": True, "zerolinecolor": GRID, "showgrid": True, "gridcolor": parts.LINE}
    layout = parts.layout(
        height=400,
        margin={"l": 62, "r": 20, "t": 40, "b": 52},
        xaxis=parts.plain(across | {"title": {"text": "customers whose time is over"}}),
        yaxis=parts.plain(upright | {"title": {"text": "percentage points from target"}}),
        showlegend=True,
        legend=parts.legend(),
    )
    headline = "Many customers or few, above target or below"
    subtitle = (
        "Distance of the share that moves on from its target, with 95 % intervals, against the number of customers"
    )
    return _figure("fig-touchpoint-map", headline, subtitle, "shortfalls", data, layout)


def answers(result: Row) -> Figure | None:
    """What was answered: good, in between and bad, of each hundred, with the counts in the words that hover."""
    rows = [row for row in result["satisfaction"] if (row["n_answered"] or 0) >= SMALLEST_SHOWN]
    rows = ([row for row in rows if row["scope"] == "touchpoint"] or rows)[:MOST_BARS]
    if not rows:
        return None
    notes = []
    for number, row in enumerate(rows):
        words = f"{safe(row['name'], 40)} · {kind_label(row['metric'])}, n {formats.count(row['n_answered'])}"
        notes.append(parts.note(words, 0, number - 0.37, {"yref": "y"}))
    layout = parts.layout(
        height=parts.tall(90 + 46 * len(rows)),
        barmode="stack",
        annotations=notes,
        margin={"l": 16, "r": 28, "t": 40, "b": 36},
        xaxis=parts.percent({"range": [0, 1], "automargin": False}),
        yaxis=parts.plain({"visible": False, "range": [len(rows) - 0.5, -0.8]}),
        showlegend=True,
        legend=parts.legend(),
    )
    subtitle = "Answers by where they were asked: CSAT and stars good at 4–5, bad at 1–2; NPS good at 9–10, bad at 0–6"
    return _figure(
        "fig-answers", "Who is pleased, and who is not", subtitle, "satisfaction", parts.stacked(rows), layout
    )


def kind_label(metric: object) -> str:
    """How a kind of score is called."""
    labels = {"csat_5": "CSAT, 1–5", "nps_10": "NPS, 0–10", "stars_5": "Stars, 1–5", "ces_7": "Effort (CES), 1–7"}
    return labels.get(str(metric)) or ("Good or bad" if metric == "thumb" else formats.words(metric))


def promise_trend(promise: Row) -> Figure | None:
    """A promise's kept share, week by week."""
    weeks = promise["weeks"]
    if len(enough(weeks)) < 3:
        return None
    headline = f"{formats.name(promise['name'], 60)}: kept for {_last(weeks)}"
    subtitle = f"Share of promises due in the week that were kept, with 95 % band{_dotted(promise['target'])}"
    data, layout = parts.weekly(weeks, promise["target"], [])
    anchor = promise_anchor(promise["promise"])
    return _figure(anchor, headline, subtitle, weeks_table(promise["promise"]), data, layout)


def conversion_trend(result: Row) -> Figure | None:
    """The converted share of journeys, by the week they started in."""
    weeks = parts.as_weeks(result["trend"], n="n_matured", share="share", low="low", high="high")
    if len(enough(weeks)) < 3:
        return None
    subtitle = "Share of journeys that converted, by the week they started in; those whose time is over, with 95 % band"
    data, layout = parts.weekly(weeks, None, result["calendar"])
    entries = parts.entries(result["calendar"], weeks)
    return _figure("fig-conversion", f"Conversion: {_last(weeks)}", subtitle, "trend", data, layout, entries=entries)


def finding_trend(result: Row, finding: Row) -> Figure | None:
    """The weekly share of one flagged measure, its target, and what the calendar says of that touchpoint."""
    keys = {finding["touchpoint"], finding["channel"]}
    calendar = [row for row in result["calendar"] if not row["touches"] or keys & set(row["touches"])]
    headline = f"{formats.name(finding['title'], 60)}: {_last(finding['weeks'])}"
    label = verdict.measure(finding["metric"]).label
    subtitle = f"{label}: weekly share with 95 % band{_dotted(finding['reference'])}"
    data, layout = parts.weekly(finding["weeks"], finding["reference"], calendar)
    table, entries = weeks_table(finding["finding_id"]), parts.entries(calendar, finding["weeks"])
    return _figure(trend_anchor(finding), headline, subtitle, table, data, layout, entries=entries)


def flagged_segments(result: Row) -> Figure | None:
    """For each touchpoint that falls short: is it everybody, or one segment?"""
    points = {row["touchpoint"]: row for row in result["touchpoints"]}
    cells = [(row, cell) for row in result["segments"] for cell in row["touchpoints"]]
    flagged = {cell["touchpoint"] for _, cell in cells}
    lines: list[tuple[str, str, Row]] = []
    for point in [point for point in points if point in flagged][:MOST_FLAGGED]:
        mine = [(row, cell) for row, cell in cells if cell["touchpoint"] == point]
        lines.append((point, "Everyone", points[point]))
        lines += [
            (point, str(row["name"] or row["segment"]), cell)
            for row, cell in mine
            if (cell["n_matured"] or 0) >= SMALLEST_SHOWN
        ]
    if len(lines) <= len({point for point, _, _ in lines}):
        return None
    places, notes, height = _places(lines, points)
    trace = parts.dots([row for _, _, row in lines], places, GRID)
    symbols = ["circle" if who == "Everyone" else "square" for _, who, _ in lines]
    trace |= {"text": [parts.says(who, points[point]["name"], row) for point, who, row in lines]}
    trace["marker"] = {"size": 10, "symbol": symbols, "color": [INK if one == "circle" else BAR for one in symbols]}
    targets = [points[point]["target_progressed"] for point, _, _ in lines]
    layout = parts.layout(
        height=parts.tall(60 + 46 * height),
        annotations=notes,
        shapes=[parts.tick(at, place) for at, place in zip(targets, places, strict=True) if at is not None],
        margin={"l": 16, "r": 28, "t": 8, "b": 36},
        xaxis=parts.percent({"automargin": False}),
        yaxis=parts.plain({"visible": False, "range": [height - 0.4, -0.3]}),
    )
    subtitle = "Share that moves on where it falls short, with 95 % intervals; upright ticks are the targets"
    headline = "Is it everybody, or one segment?"
    return _figure("fig-flagged-segments", headline, subtitle, "touchpoint_segments", [trace], layout)


def _places(
    lines: Sequence[tuple[str, str, Row]], points: Mapping[str, Row]
) -> tuple[list[float], list[dict[str, Any]], float]:
    """Where each line stands, its words above it, under a heading for each touchpoint."""
    places, notes, y = [], [], 0.0
    for number, (point, who, row) in enumerate(lines):
        if number == 0 or lines[number - 1][0] != point:
            target = formats.share(points[point]["target_progressed"])
            words = f"<b>{safe(points[point]['name'], 44)}</b>, target {target}"
            notes.append(parts.note(words, 0, y, {"yref": "y", "font": {"color": INK, "size": 14}}))
            y += 0.9
        words = f"{safe(who, 40)}, n {formats.count(row['n_matured'])}"
        notes.append(parts.note(words, 0, y - 0.38, {"yref": "y", "font": {"color": parts.MUTED, "size": 12.5}}))
        places.append(y)
        y += 1
    return places, notes, y


def sankey(result: Row) -> Figure | None:
    """The twelve steps most taken, as a picture; the table has them all."""
    names = {row["touchpoint"]: row["name"] for row in result["touchpoints"]} | ENDS
    links = parts.without_loops(result["flows"]["transitions"])
    if len(links) < 3:
        return None
    nodes = list(dict.fromkeys([row["from_touchpoint"] for row in links] + [row["to_touchpoint"] for row in links]))
    data = {
        "type": "sankey",
        "arrangement": "snap",
        "valueformat": ",",
        "node": {
            "label": [parts.two_lines(names.get(node, node)) for node in nodes],
            "pad": 22,
            "thickness": 14,
            "line": {"width": 0},
            "color": ["var(--none)" if node in ENDED else BAR for node in nodes],
            "hovertemplate": "%{label}: %{value}<extra></extra>",
        },
        "link": {
            "source": [nodes.index(row["from_touchpoint"]) for row in links],
            "target": [nodes.index(row["to_touchpoint"]) for row in links],
            "value": [row["n_transitions"] for row in links],
            "color": ["var(--flow-end)" if row["to_touchpoint"] in ENDED else "var(--flow)" for row in links],
            "hovertemplate": "%{source.label} → %{target.label}: %{value}<extra></extra>",
        },
    }
    shown = sum(row["n_transitions"] for row in links) / result["flows"]["n_transitions"]
    headline = f"The {len(links)} steps most taken are {formats.share(shown)} of all between two places"
    subtitle = "Steps from one touchpoint to another inside a journey; steps back are left to the table"
    layout = parts.layout(height=520, margin={"l": 8, "r": 8, "t": 16, "b": 16})
    return _figure("fig-flows", headline, subtitle, "transitions", [data], layout, is_roomy=True)


def _last(weeks: Sequence[Row]) -> str:
    last = enough(weeks)[-1]
    return f"{formats.share(last['share'])} in the week of {formats.day(last['week_on'], with_year=False)}"


def _dotted(target: float | None) -> str:
    return f"; dotted: target {formats.share(target)}" if target is not None else ""


def _figure(
    anchor: str,
    headline: str,
    subtitle: str,
    table: str,
    data: Sequence[Any],
    layout: Row,
    *,
    is_roomy: bool = False,
    entries: Sequence[str] = (),
) -> Figure:
    """A checked specification: plotly itself refuses a property it does not know."""
    drawn = go.Figure(data=list(data), layout={**layout, "template": go.layout.Template()})
    spec = json.loads(drawn.to_json())
    spec["layout"].pop("template", None)
    drawing = {"data": parts.rounded(spec["data"]), "layout": spec["layout"]}
    return Figure(anchor, headline, subtitle, table, drawing, layout["height"], is_roomy, entries)
