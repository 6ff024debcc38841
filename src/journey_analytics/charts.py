"""The figures that readers explore, as plotly specifications: what is drawn, in the words and colours of the page.

A figure is a rendering of one table of `exports`. Colours are the page's own custom properties (`var(--worse)`), which the
page's script replaces by what they are in the reader's theme. Nothing here touches a file or a warehouse.
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

from journey_analytics import chartparts as parts
from journey_analytics import formats, verdict
from journey_analytics.chartparts import BAND, BAR, GRID, INK, LINE, SERIES, SMALLEST_SHOWN, SOFT, SYMBOLS, WORSE, enough, safe

Row = Mapping[str, Any]

MOST_TRENDS = 8
MOST_LINKS = 12
MOST_POINTS = 200


@dataclass(frozen=True)
class Figure:
    """One figure: its words, its specification, and the table that holds the same numbers."""

    anchor: str
    headline: str
    subtitle: str
    table: str
    spec: Mapping[str, Any]
    height: int
    is_roomy: bool = False


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
        "promises": [promise_trend(result, row) for row in result["promises"]],
        "trends": [conversion_trend(result), *[finding_trend(result, row) for row in trended(result)]],
        "segments": [flagged_segments(result)],
        "flows": [sankey(result)],
    }
    return {section: [figure for figure in made if figure is not None] for section, made in drawn.items()}


def trended(result: Row) -> list[Row]:
    """The open findings whose weeks are drawn."""
    rows = [row for row in result["findings"] if row["status"] == "open" and len(enough(row["weeks"])) > 2]
    return rows[:MOST_TRENDS]


def stage_names(result: Row) -> dict[str, str]:
    """The words for each stage."""
    return {row["stage"]: row["name"] or formats.words(row["stage"]) for row in result["stages"]}


def stage_segments(result: Row) -> Figure | None:
    """The share that moves on from each stage, a dot with its interval for everyone and for each segment."""
    names = stage_names(result)
    groups = [("Everyone", {row["stage"]: row for row in result["stages"]})]
    groups += [(row["name"] or row["segment"], {cell["stage"]: cell for cell in row["stages"]}) for row in result["segments"][:3]]
    stages = [row["stage"] for row in result["stages"] if (row["n_matured"] or 0) >= SMALLEST_SHOWN]
    if not stages or len(groups) < 2:
        return None
    data = []
    for number, (label, cells) in enumerate(groups):
        rows = [(stage, cells[stage]) for stage in stages if stage in cells and (cells[stage]["n_matured"] or 0) >= SMALLEST_SHOWN]
        colour = INK if number == 0 else SERIES[number - 1]
        shift = (number - (len(groups) - 1) / 2) * 0.17
        data.append(go.Scatter(
            name=safe(label, 40), mode="markers", x=[row["progressed_share_of_matured"] for _, row in rows],
            y=[stages.index(stage) + shift for stage, _ in rows], marker={"color": colour, "size": 10, "symbol": SYMBOLS[number]}, error_x=parts.bars([row for _, row in rows], colour),
            text=[parts.says(label, names[stage], row) for stage, row in rows], hovertemplate="%{text}<extra></extra>",
        ))  # fmt: skip
    axis = {"tickvals": list(range(len(stages))), "ticktext": [safe(names[stage], 24) for stage in stages], "range": [len(stages) - 0.4, -0.6]}
    layout = parts.layout(height=400 if len(stages) > 3 else 320, xaxis=parts.percent(), yaxis=parts.plain(axis), margin={"l": 8, "r": 16, "t": 44, "b": 40})
    layout |= {"showlegend": True, "legend": parts.legend()}
    return _figure(
        "fig-stage-segments", "Where segments part ways", "Share of customers who move on from each stage, with 95 % intervals, by segment",
        "stage_segments", data, layout,
    )  # fmt: skip


def time_to_progress(result: Row) -> Figure | None:
    """How soon customers move on: one small chart a stage, with the same upright axis."""
    rows = result["funnel"]["time_to_progress"]
    if not rows:
        return None
    names = stage_names(result)
    data, layout = [], parts.layout(height=320, margin={"l": 44, "r": 16, "t": 40, "b": 48})
    wide = 1 / len(rows)
    notes = []
    for number, row in enumerate(rows):
        suffix = "" if number == 0 else str(number + 1)
        unit, size = parts.unit(row["window_seconds"])
        left, right = number * wide + (0.0 if number == 0 else 0.02), (number + 1) * wide - 0.01
        data.append(go.Scatter(
            mode="lines", x=[at["seconds"] / size for at in row["curve"]], y=[at["share"] for at in row["curve"]], xaxis=f"x{suffix}",
            yaxis=f"y{suffix}", line={"color": BAR, "width": 2.4, "shape": "linear"}, fill="tozeroy", fillcolor=BAND,
            hovertemplate=f"%{{y:.0%}} within %{{x:.1f}} {unit}<extra></extra>",
        ))  # fmt: skip
        layout[f"xaxis{suffix}"] = parts.plain({"domain": [left, right], "title": {"text": unit, "font": {"size": 12}}, "anchor": f"y{suffix}", "nticks": 4})
        layout[f"yaxis{suffix}"] = parts.percent() | {"anchor": f"x{suffix}", "showticklabels": number == 0, "dtick": 0.25, "range": [0, 1]}
        notes.append(parts.note(safe(names.get(row["stage"], row["stage"]), 22), left, 1.0, {"yshift": 24, "xref": "paper", "font": {"color": INK, "size": 13}}))
    layout["annotations"] = notes
    return _figure(
        "fig-time", "How soon customers move on", "Share of customers who had moved on by then, of those whose time is over; each axis ends with the stage's time",
        "time_to_progress", data, layout, is_roomy=len(rows) > 2,
    )  # fmt: skip


def touchpoint_map(result: Row) -> Figure | None:
    """Volume against shortfall: what lies low and to the right costs most customers."""
    rows = [row for row in result["touchpoints"] if row["target_progressed"] is not None and (row["n_matured"] or 0) >= SMALLEST_SHOWN]
    rows = sorted(rows, key=lambda row: (-(row["n_matured"] or 0), row["touchpoint"]))[:MOST_POINTS]
    if len(rows) < 3:
        return None
    data = []
    for label, is_open in (("no worse than target", False), ("underperforms", True)):
        here = [row for row in rows if _is_short(row) is is_open]
        gaps = [(row["progressed_share_of_matured"] - row["target_progressed"]) * 100 for row in here]
        colour = WORSE if is_open else BAR
        data.append(go.Scatter(
            name=label, x=[row["n_matured"] for row in here], y=gaps, mode="markers+text" if is_open and len(here) <= 8 else "markers",
            meta="labels", marker={"color": colour, "size": 11 if is_open else 8, "symbol": "triangle-down" if is_open else "circle"},
            text=[safe(row["name"], 30) for row in here] if is_open and len(here) <= 8 else None, textposition="bottom center",
            textfont={"color": WORSE, "size": 12}, hovertext=[_gap_says(row) for row in here], hovertemplate="%{hovertext}<extra></extra>",
            error_y={
                "type": "data", "symmetric": False, "thickness": 1.2, "width": 0, "color": colour if is_open else SOFT,
                "array": [(row["progressed_high"] - row["progressed_share_of_matured"]) * 100 for row in here],
                "arrayminus": [(row["progressed_share_of_matured"] - row["progressed_low"]) * 100 for row in here],
            },
        ))  # fmt: skip
    sizes = [row["n_matured"] for row in rows]
    ticks = [tick for tick in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 1_000_000) if min(sizes) / 2 < tick < max(sizes) * 2]
    layout = parts.layout(
        height=520, margin={"l": 62, "r": 20, "t": 40, "b": 52},
        xaxis=parts.plain({"type": "log", "title": {"text": "customers whose time is over"}, "tickvals": ticks, "ticktext": [formats.count(tick) for tick in ticks]}),
        yaxis=parts.plain({"title": {"text": "percentage points from target"}, "zeroline": True, "zerolinecolor": GRID, "zerolinewidth": 1.5, "gridcolor": LINE, "showgrid": True, "ticksuffix": ""}),
    )  # fmt: skip
    layout |= {"showlegend": True, "legend": parts.legend()}
    return _figure(
        "fig-touchpoint-map", "Many customers or few, above target or below", "Distance of the share that moves on from its target, with 95 % intervals, against the number of customers",
        "touchpoints", data, layout,
    )  # fmt: skip


def answers(result: Row) -> Figure | None:
    """What was answered, as good, middling and bad, of each hundred: bars that part at the middle would hide the counts."""
    rows = [row for row in result["satisfaction"] if (row["n_answered"] or 0) >= SMALLEST_SHOWN][:30]
    if not rows:
        return None
    kinds = (("good", "n_good", BAR), ("in between", None, SOFT), ("bad", "n_bad", WORSE))
    data = []
    for label, key, colour in kinds:
        counts = [row[key] or 0 if key else max(0, row["n_answered"] - (row["n_good"] or 0) - (row["n_bad"] or 0)) for row in rows]
        shares = [count / row["n_answered"] for count, row in zip(counts, rows, strict=True)]
        data.append(go.Bar(
            name=label, orientation="h", x=shares, y=list(range(len(rows))), marker={"color": colour, "line": {"color": "var(--bg)", "width": 1}}, width=0.42,
            text=[f"{formats.count(count)} of {formats.count(row['n_answered'])} {label}" for count, row in zip(counts, rows, strict=True)],
            textposition="none", hovertemplate="%{text}<extra></extra>",
        ))  # fmt: skip
    notes = [
        parts.note(f"{safe(row['name'], 44)} · {formats.name(kind_label(row['metric']))}, n {formats.count(row['n_answered'])}", 0, number - 0.37, {"yref": "y", "xref": "paper"})
        for number, row in enumerate(rows)
    ]  # fmt: skip
    height = parts.tall(90 + 46 * len(rows))
    layout = parts.layout(height=height, barmode="stack", annotations=notes, margin={"l": 8, "r": 16, "t": 40, "b": 36}, xaxis=parts.percent() | {"range": [0, 1]},
                     yaxis=parts.plain({"visible": False, "range": [len(rows) - 0.5, -0.8]}))  # fmt: skip
    layout |= {"showlegend": True, "legend": parts.legend() | {"traceorder": "normal"}}
    return _figure(
        "fig-answers", "Who is pleased, and who is not", "Answers by where they were asked: CSAT and stars good at 4–5, bad at 1–2; NPS good at 9–10, bad at 0–6",
        "satisfaction", data, layout,
    )  # fmt: skip


def kind_label(metric: object) -> str:
    """How a kind of score is called."""
    labels = {"csat_5": "CSAT, 1–5", "nps_10": "NPS, 0–10", "stars_5": "Stars, 1–5", "ces_7": "Effort (CES), 1–7", "thumb": "Good or bad"}
    return labels.get(str(metric)) or formats.words(metric)


def promise_trend(result: Row, promise: Row) -> Figure | None:
    """A promise's kept share, week by week."""
    weeks = [{"week_on": w["week_on"], "n": w["n_due"], "share": w["kept_share"], "low": w["kept_low"], "high": w["kept_high"]} for w in promise["weeks"]]
    if len(enough(weeks)) < 3:
        return None
    last = enough(weeks)[-1]
    headline = f"{formats.name(promise['name'], 60)}: kept for {formats.share(last['share'])} in the week of {formats.day(last['week_on'], with_year=False)}"
    data, layout = parts.weekly(weeks, promise["target"], [])
    return _figure(formats.anchor("fig-promise", promise["promise"]), headline, "Share of promises due in the week that were kept, with 95 % band", "promise_weeks", data, layout)


def conversion_trend(result: Row) -> Figure | None:
    """The converted share of journeys, by the week they started in."""
    weeks = [{"week_on": w["week_on"], "n": w["n_matured"], "share": w["share"], "low": w["low"], "high": w["high"]} for w in result["trend"]]
    if len(enough(weeks)) < 3:
        return None
    last = enough(weeks)[-1]
    headline = f"Conversion: {formats.share(last['share'])} of journeys that started in the week of {formats.day(last['week_on'], with_year=False)}"
    data, layout = parts.weekly(weeks, None, result["calendar"])
    return _figure("fig-conversion", headline, "Share of journeys that converted, by the week they started in; only journeys whose time is over, with 95 % band", "trend", data, layout)


def finding_trend(result: Row, finding: Row) -> Figure | None:
    """The weekly share of one flagged measure, its target, and what the calendar says of that touchpoint."""
    last = enough(finding["weeks"])[-1]
    said = verdict.measure(finding["metric"])
    headline = f"{formats.name(finding['title'], 60)}: {formats.share(last['share'])} in the week of {formats.day(last['week_on'], with_year=False)}"
    keys = {finding["touchpoint"], finding["channel"]}
    calendar = [row for row in result["calendar"] if not row["touches"] or keys & set(row["touches"])]
    data, layout = parts.weekly(finding["weeks"], finding["reference"], calendar)
    return _figure(trend_anchor(finding), headline, f"{said.label}: weekly share with 95 % band, of {said.of}", "weeks", data, layout)


def trend_anchor(finding: Row) -> str:
    """Where a finding's trend stands on the page."""
    return formats.anchor("fig-trend", finding["finding_id"])


def flagged_segments(result: Row) -> Figure | None:
    """For each touchpoint that falls short: is it everybody, or one segment?"""
    segments = {row["segment"]: row["name"] or row["segment"] for row in result["segments"]}
    flagged = list(dict.fromkeys(cell["touchpoint"] for row in result["segments"] for cell in row["touchpoints"]))
    points = {row["touchpoint"]: row for row in result["touchpoints"]}
    order = [point for point in points if point in flagged][:6]
    lines: list[tuple[str, str, Row]] = []
    for point in order:
        lines.append((point, "Everyone", points[point]))
        cells = [(row["segment"], cell) for row in result["segments"] for cell in row["touchpoints"] if cell["touchpoint"] == point]
        lines += [(point, str(segments[key]), cell) for key, cell in cells if (cell["n_matured"] or 0) >= SMALLEST_SHOWN]
    if len(lines) <= len(order):
        return None
    places, notes, ticks, y = [], [], [], 0.0
    for number, (point, label, row) in enumerate(lines):
        if number == 0 or lines[number - 1][0] != point:
            notes.append(parts.note(f"<b>{safe(points[point]['name'], 50)}</b>, target {formats.share(points[point]['target_progressed'])}", 0, y + 0.1, {"yref": "y", "xref": "paper"}))
            y += 1
        places.append(y)
        ticks.append(safe(label, 24))
        y += 1
    data = [go.Scatter(
        mode="markers", x=[row["progressed_share_of_matured"] for _, _, row in lines], y=places, error_x=parts.bars([row for _, _, row in lines], GRID),
        marker={"size": 10, "color": [INK if label == "Everyone" else BAR for _, label, _ in lines], "symbol": ["circle" if label == "Everyone" else "square" for _, label, _ in lines]},
        text=[parts.says(label, points[point]["name"], row) for point, label, row in lines], hovertemplate="%{text}<extra></extra>",
    )]  # fmt: skip
    shapes = [parts.tick(points[point]["target_progressed"], place) for (point, _, _), place in zip(lines, places, strict=True) if points[point]["target_progressed"] is not None]
    height = parts.tall(70 + 34 * y)
    layout = parts.layout(height=height, annotations=notes, shapes=shapes, margin={"l": 8, "r": 16, "t": 12, "b": 36}, xaxis=parts.percent(),
                     yaxis=parts.plain({"tickvals": places, "ticktext": ticks, "range": [y - 0.3, -0.5]}))  # fmt: skip
    return _figure(
        "fig-flagged-segments", "Is it everybody, or one segment?", "Share that moves on at the touchpoints that fall short, with 95 % intervals; upright ticks are the targets",
        "touchpoint_segments", data, layout,
    )  # fmt: skip


def sankey(result: Row) -> Figure | None:
    """The twelve steps most taken, as a picture; the table beside it has them all."""
    names = {row["touchpoint"]: row["name"] for row in result["touchpoints"]} | {"start": "Start", "exit": "Left"}
    links = _without_loops([row for row in result["flows"]["transitions"] if row["from_touchpoint"] != row["to_touchpoint"]])
    if len(links) < 3:
        return None
    nodes = list(dict.fromkeys([row["from_touchpoint"] for row in links] + [row["to_touchpoint"] for row in links]))
    total = result["flows"]["n_transitions"]
    data = [go.Sankey(
        arrangement="snap", valueformat=",", orientation="h",
        node={"label": [safe(names.get(node, node), 26) for node in nodes], "color": [WORSE if node == "exit" else BAR for node in nodes], "pad": 22, "thickness": 14,
              "line": {"width": 0}, "hovertemplate": "%{label}: %{value}<extra></extra>"},
        link={"source": [nodes.index(row["from_touchpoint"]) for row in links], "target": [nodes.index(row["to_touchpoint"]) for row in links],
              "value": [row["n_transitions"] for row in links], "color": ["var(--flow-worse)" if row["to_touchpoint"] == "exit" else "var(--flow)" for row in links],
              "hovertemplate": "%{source.label} → %{target.label}: %{value}<extra></extra>"},
    )]  # fmt: skip
    shown = sum(row["n_transitions"] for row in links)
    headline = f"The {len(links)} steps most taken are {formats.share(shown / total)} of all"
    layout = parts.layout(height=520, margin={"l": 8, "r": 8, "t": 16, "b": 16})
    return _figure(
        "fig-flows", headline, "Steps from one touchpoint to the next inside a journey, by how often they were taken; steps back are left to the table", "transitions", data, layout,
        is_roomy=True,
    )  # fmt: skip


def _without_loops(rows: Sequence[Row]) -> list[Row]:
    """The largest links that close no circle, which a Sankey cannot show."""
    after: dict[str, set[str]] = {}
    kept: list[Row] = []

    def reaches(start: str, end: str) -> bool:
        seen, todo = set(), [start]
        while todo:
            node = todo.pop()
            if node == end:
                return True
            if node not in seen:
                seen.add(node)
                todo.extend(after.get(node, ()))
        return False

    for row in rows:
        if len(kept) == MOST_LINKS:
            break
        if not reaches(row["to_touchpoint"], row["from_touchpoint"]):
            after.setdefault(row["from_touchpoint"], set()).add(row["to_touchpoint"])
            kept.append(row)
    return kept


def _is_short(row: Row) -> bool:
    return row["progressed_high"] is not None and row["progressed_high"] < row["target_progressed"]


def _gap_says(row: Row) -> str:
    gap = formats.gap(row["progressed_share_of_matured"] - row["target_progressed"])
    return f"{parts.says(row['name'], row['stage'], row)}<br>target {formats.share(row['target_progressed'])}, {gap}"


def _figure(
    anchor: str, headline: str, subtitle: str, table: str, data: Sequence[Any], layout: Mapping[str, Any], *, is_roomy: bool = False
) -> Figure:
    """A checked specification: plotly itself refuses a property it does not know."""
    drawn = go.Figure(data=list(data), layout={**layout, "template": go.layout.Template()})
    spec = json.loads(drawn.to_json())
    spec["layout"].pop("template", None)
    return Figure(anchor, headline, subtitle, table, {"data": spec["data"], "layout": spec["layout"]}, layout["height"], is_roomy)
