"""What the figures share: axes, intervals, notes, and the weekly band. Plain mappings in plotly's words; no library needed.

Colours are the page's custom properties; the page's script replaces them by what they are in the reader's theme.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from journey_analytics import formats

Row = Mapping[str, Any]
Part = dict[str, Any]

HEIGHTS = (240, 320, 400, 520, 680, 900)
SMALLEST_SHOWN = 10
INK, MUTED, LINE, GRID = "var(--ink)", "var(--muted)", "var(--line)", "var(--grid)"
WORSE, BAR, SOFT, BAND = "var(--worse)", "var(--bar)", "var(--bar-soft)", "var(--band)"
SERIES = ("var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)")
SYMBOLS = ("circle", "square", "diamond", "triangle-up")
MOST_NOTES = 6


def enough(weeks: Sequence[Row]) -> list[Row]:
    """The weeks with enough counted to say a share."""
    return [week for week in weeks if (week["n"] or 0) >= SMALLEST_SHOWN]


def safe(text: object, longest: int = 60) -> str:
    """A name for plotly, whose labels read some HTML: every angle bracket and ampersand stands for itself."""
    return formats.name(text, longest).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tall(pixels: float) -> int:
    """The smallest of the page's figure heights that holds so many pixels."""
    return next((height for height in HEIGHTS if height >= pixels), HEIGHTS[-1])


def layout(*, height: int, **more: Any) -> Part:
    """A layout in the page's type and colours, with nothing on it that was not asked for."""
    return {
        "height": height,
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif", "size": 13, "color": INK},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": "var(--card)", "bordercolor": GRID, "font": {"color": INK, "size": 13}, "align": "left"},
    } | more


def legend() -> Part:
    """The key, above the drawing."""
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemclick": False, "itemdoubleclick": False}


def plain(more: Mapping[str, Any] | None = None) -> Part:
    """An axis without a line of its own."""
    return {
        "showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True, "color": MUTED, "tickfont": {"color": MUTED},
    } | dict(more or {})  # fmt: skip


def percent(more: Mapping[str, Any] | None = None) -> Part:
    """An axis of shares, from 0 to 100 %."""
    axis = {"tickformat": ".0%", "showgrid": True, "gridcolor": LINE, "range": [0, 1.005], "dtick": 0.25}
    return plain() | axis | dict(more or {})


def bars(rows: Sequence[Row], colour: str) -> Part:
    """The 95 % intervals of `progressed_share_of_matured`, as error bars to both sides."""
    estimates = [row["progressed_share_of_matured"] for row in rows]
    return {
        "type": "data", "symmetric": False, "width": 0, "thickness": 2, "color": colour,
        "array": [row["progressed_high"] - at for row, at in zip(rows, estimates, strict=True)],
        "arrayminus": [at - row["progressed_low"] for row, at in zip(rows, estimates, strict=True)],
    }  # fmt: skip


def note(text: str, x: float, y: float, more: Mapping[str, Any] | None = None) -> Part:
    """Words on a drawing, from the left."""
    base = {"text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left", "showarrow": False, "align": "left"}
    return base | {"font": {"color": INK, "size": 13}} | dict(more or {})


def tick(x: float, y: float) -> Part:
    """A target, as an upright tick on one row."""
    return {"type": "line", "x0": x, "x1": x, "y0": y - 0.36, "y1": y + 0.36, "line": {"color": INK, "width": 2}}


def says(who: object, where: object, row: Row) -> str:
    """What hovering over a share tells."""
    span = formats.between(row["progressed_low"], row["progressed_high"])
    share = formats.share(row["progressed_share_of_matured"])
    return f"{safe(who)}, {safe(where)}<br>{share} move on ({span})<br>of {formats.count(row['n_matured'])}"


def unit(seconds: float) -> tuple[str, int]:
    """The unit that a window is drawn in, and its length in seconds."""
    return next((pair for pair in (("days", 86_400), ("hours", 3_600)) if seconds >= 2 * pair[1]), ("minutes", 60))


def weekly(weeks: Sequence[Row], target: float | None, calendar: Sequence[Row]) -> tuple[list[Part], Part]:
    """A weekly share as a line in its band, broken where too few were counted, with target and calendar.

    `weeks` have week_on, n, share, low, high. Returns the traces and the layout.
    """
    shown = [week if (week["n"] or 0) >= SMALLEST_SHOWN else None for week in weeks]
    dates = [week["week_on"] for week in weeks]
    traces: list[Part] = []
    for stretch in _stretches(shown):
        on = [week["week_on"] for week in stretch]
        outline = {"x": on + on[::-1], "y": [week["high"] for week in stretch] + [week["low"] for week in stretch][::-1]}
        traces.append({"type": "scatter", "mode": "lines", "fill": "toself", "fillcolor": BAND, "line": {"width": 0}, "hoverinfo": "skip", **outline})
    traces.append({
        "type": "scatter", "mode": "lines+markers", "x": dates, "y": [week["share"] if week else None for week in shown], "connectgaps": False,
        "line": {"color": BAR, "width": 2}, "marker": {"color": BAR, "size": 6},
        "text": [
            f"week of {formats.day(week['week_on'])}<br>{formats.share(week['share'])} ({formats.between(week['low'], week['high'])})"
            f"<br>of {formats.count(week['n'])}" if week else "" for week in shown
        ],
        "hovertemplate": "%{text}<extra></extra>",
    })  # fmt: skip
    shapes, notes = _calendar(calendar, str(dates[0]), str(dates[-1]))
    if target is not None:
        shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": target, "y1": target, "line": {"color": INK, "width": 1.2, "dash": "dot"}})
        beside = {"yref": "y", "xanchor": "right", "yanchor": "bottom", "font": {"color": MUTED, "size": 12}}
        notes.append(note(f"target {formats.share(target)}", 1, target, beside))
    ticks = dates[:: max(1, (len(dates) + 4) // 5)]
    across = plain({"type": "date", "tickvals": ticks, "ticktext": [formats.day(on, with_year=False) for on in ticks], "showline": True, "linecolor": GRID})
    return traces, layout(
        height=240, margin={"l": 46, "r": 12, "t": 30, "b": 34}, shapes=shapes, annotations=notes, xaxis=across, yaxis=percent(_zoom(shown, target))
    )


def _stretches(weeks: Sequence[Row | None]) -> list[list[Row]]:
    found: list[list[Row]] = [[]]
    for week in weeks:
        if week is not None:
            found[-1].append(week)
        elif found[-1]:
            found.append([])
    return [stretch for stretch in found if len(stretch) > 1]


def _zoom(weeks: Sequence[Row | None], target: float | None) -> Part:
    """From zero, as far up as the data need: a small share is still to be read."""
    top = max([week["high"] or 0 for week in weeks if week] + [target or 0])
    for limit, step in ((0.1, 0.05), (0.25, 0.05), (0.5, 0.25)):
        if top <= limit:
            return {"range": [0, limit * 1.01], "dtick": step}
    return {}


def _calendar(calendar: Sequence[Row], first: str, last: str) -> tuple[list[Part], list[Part]]:
    shapes: list[Part] = []
    notes: list[Part] = []
    end = (datetime.date.fromisoformat(last) + datetime.timedelta(days=6)).isoformat()
    for row in [row for row in calendar if first <= row["event_on"] <= end][:MOST_NOTES]:
        until = row["until_on"] or row["event_on"]
        stroke = {"color": MUTED, "width": 1.2, "dash": "dash"}
        if until > row["event_on"]:
            shapes.append({"type": "rect", "yref": "paper", "x0": row["event_on"], "x1": min(until, end), "y0": 0, "y1": 1, "fillcolor": LINE, "opacity": 0.5, "line": {"width": 0}, "layer": "below"})
        else:
            shapes.append({"type": "line", "yref": "paper", "x0": row["event_on"], "x1": row["event_on"], "y0": 0, "y1": 1, "line": stroke})
        words = f"{safe(row['kind'], 14)} {safe(row['name'], 18)}"
        notes.append(note(words, row["event_on"], 1.0, {"xref": "x", "xanchor": "center", "yanchor": "bottom", "font": {"color": MUTED, "size": 11.5}, "yshift": 2 + 13 * (len(notes) % 2)}))
    return shapes, notes
