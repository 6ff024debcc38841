"""What the figures share: axes, intervals, notes, the weekly band. Plain mappings in plotly's words; no library needed.

Colours are the page's custom properties (`var(--worse)`); the page's script replaces them by what they are in the
reader's theme.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from typing import Any

from journey_analytics import formats

Row = Mapping[str, Any]
Part = dict[str, Any]

HEIGHTS = (240, 320, 400, 520, 680, 900)
SMALLEST_SHOWN = 10
CLOSE_DAYS = 4
LONG_DAYS = 300
LETTERS = "abcdefghijkl"
MOST_NOTES = len(LETTERS)
MOST_LINKS = 12
MOST_LABELS = 8
INK, MUTED, LINE, GRID = "var(--ink)", "var(--muted)", "var(--line)", "var(--grid)"
WORSE, BAR, SOFT, BAND = "var(--worse)", "var(--bar)", "var(--bar-soft)", "var(--band)"
SERIES = ("var(--s1)", "var(--s2)", "var(--s3)", "var(--s4)", "var(--s5)")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
SPANS = ((60, "1 min"), (3_600, "1 h"), (86_400, "1 day"), (2_592_000, "30 days"))
DECADES = tuple(digit * 10**power for power in range(1, 7) for digit in (1, 2, 5))
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


def enough(weeks: Sequence[Row]) -> list[Row]:
    """The weeks with enough counted to say a share."""
    return [week for week in weeks if (week["n"] or 0) >= SMALLEST_SHOWN]


def rounded(value: Any) -> Any:
    """The same value with six significant digits: no drawing shows more."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def as_weeks(rows: Sequence[Row], **keys: str) -> list[Part]:
    """Weeks of a mart under the names that are drawn: week_on, n, share, low, high."""
    return [{"week_on": row["week_on"]} | {key: row[name] for key, name in keys.items()} for row in rows]


def safe(text: object, longest: int = 60) -> str:
    """A name for plotly, whose labels read some HTML: every angle bracket and ampersand stands for itself."""
    return formats.name(text, longest).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def tall(pixels: float) -> int:
    """The smallest of the page's figure heights that holds so many pixels."""
    return next((height for height in HEIGHTS if height >= pixels), HEIGHTS[-1])


def layout(*, height: int, **more: Any) -> Part:
    """A layout in the page's type and colours, with nothing on it that was not asked for."""
    hover = {"bgcolor": "var(--card)", "bordercolor": GRID, "font": {"color": INK, "size": 13}, "align": "left"}
    return {
        "height": height,
        "autosize": True,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 13, "color": INK},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": hover,
    } | more


def legend() -> Part:
    """The key, above the drawing."""
    switches = {"itemclick": False, "itemdoubleclick": False, "traceorder": "normal"}
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"} | switches


def plain(more: Row | None = None) -> Part:
    """An axis without a line of its own."""
    look = {"showgrid": False, "zeroline": False, "color": MUTED, "tickfont": {"color": MUTED}}
    return look | {"fixedrange": True, "automargin": True} | dict(more or {})


def percent(more: Row | None = None) -> Part:
    """An axis of shares, from 0 to 100 %; `dtick` is the step between its ticks."""
    axis: Part = {"showgrid": True, "gridcolor": LINE, "range": [0, 1.005]} | dict(more or {})
    step = axis.pop("dtick", 0.25)
    ticks = [number * step for number in range(int(axis["range"][1] / step + 1e-9) + 1)]
    return plain() | {"tickvals": ticks, "ticktext": [formats.share(tick) for tick in ticks]} | axis


def note(text: str, x: float | str, y: float, more: Row | None = None) -> Part:
    """Words on a drawing, from the left."""
    at = {"text": text, "x": x, "y": y, "xref": "paper", "yref": "paper", "xanchor": "left"}
    return at | {"showarrow": False, "align": "left", "font": {"color": INK, "size": 13}} | dict(more or {})


def tick(x: float, y: float) -> Part:
    """A target, as an upright tick on one row."""
    return {"type": "line", "x0": x, "x1": x, "y0": y - 0.2, "y1": y + 0.2, "line": {"color": INK, "width": 2}}


def spans(window: float) -> Part:
    """An axis of time up to the end of a window, in steps that grow: a minute, an hour, a day."""
    ticks = [(seconds, label) for seconds, label in SPANS if seconds <= window]
    ends = [math.log10(60), math.log10(max(window, 120))]
    return {
        "type": "log",
        "range": ends,
        "tickvals": [seconds for seconds, _ in ticks],
        "ticktext": [label for _, label in ticks],
        "tickangle": 0,
        "showline": True,
        "linecolor": GRID,
    }


def two_lines(name: object) -> str:
    """A name for a narrow place, in two lines where it is long."""
    text = formats.name(name, 28)
    cut = text.rfind(" ", 0, 17)
    lines = [text[:cut], text[cut + 1 :]] if len(text) > 16 and cut > 3 else [text]
    return "<br>".join(safe(line, 28) for line in lines)


def says(who: object, where: object, row: Row) -> str:
    """What hovering over a share tells."""
    span = formats.between(row["progressed_low"], row["progressed_high"])
    share = formats.share(row["progressed_share_of_matured"])
    return f"{safe(who)}, {safe(where)}<br>{share} move on ({span})<br>of {formats.count(row['n_matured'])}"


def dots(rows: Sequence[Row], places: Sequence[float], colour: str) -> Part:
    """Shares that move on, each a dot with its 95 % interval, one above the other."""
    estimates = [row["progressed_share_of_matured"] for row in rows]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": estimates,
        "y": list(places),
        "hovertemplate": "%{text}<extra></extra>",
        "error_x": {
            "type": "data",
            "symmetric": False,
            "width": 0,
            "thickness": 2,
            "color": colour,
            "array": [row["progressed_high"] - at for row, at in zip(rows, estimates, strict=True)],
            "arrayminus": [at - row["progressed_low"] for row, at in zip(rows, estimates, strict=True)],
        },
    }


def gaps(rows: Sequence[Row], label: str, *, is_short: bool = False) -> Part:
    """Distances from target in percentage points, against volume; what falls short carries its name."""
    at = [(row["progressed_share_of_matured"] - row["target_progressed"]) * 100 for row in rows]
    colour, named = WORSE if is_short else BAR, is_short and len(rows) <= MOST_LABELS
    up = [(row["progressed_high"] - row["progressed_share_of_matured"]) * 100 for row in rows]
    down = [(row["progressed_share_of_matured"] - row["progressed_low"]) * 100 for row in rows]
    most = max((row["n_matured"] for row in rows), default=0)
    return {
        "type": "scatter",
        "name": label,
        "mode": "markers+text" if named else "markers",
        "meta": "labels",
        "x": [row["n_matured"] for row in rows],
        "y": at,
        "marker": {"color": colour, "size": 11 if is_short else 8, "symbol": "triangle-down" if is_short else "circle"},
        "text": [f"  {safe(row['name'], 30)}  " for row in rows] if named else None,
        "textposition": [_side(number, row["n_matured"], most) for number, row in enumerate(rows)] if named else None,
        "textfont": {"color": WORSE, "size": 12},
        "hovertext": [_gap_says(row, gap) for row, gap in zip(rows, at, strict=True)],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "error_y": {
            "type": "data",
            "symmetric": False,
            "thickness": 1.2,
            "width": 0,
            "color": colour if is_short else SOFT,
            "array": up,
            "arrayminus": down,
        },
    }


def _side(number: int, n: float, most: float) -> str:
    """On which side of its mark a name stands: below and above by turns, towards the middle of the drawing."""
    return f"{'top' if number % 2 else 'bottom'} {'left' if n * 4 > most else 'right'}"


def _gap_says(row: Row, gap: float) -> str:
    target = f"target {formats.share(row['target_progressed'])}, {formats.gap(gap / 100)}"
    return f"{says(row['name'], row['stage'], row)}<br>{target}"


def stacked(rows: Sequence[Row]) -> list[Part]:
    """Good, in between and bad answers, of each hundred."""
    traces: list[Part] = []
    for label, key, colour in (("good", "n_good", BAR), ("in between", None, SOFT), ("bad", "n_bad", WORSE)):
        counts = []
        for row in rows:
            good, bad = row["n_good"] or 0, row["n_bad"] or 0
            counts.append(max(0, row["n_answered"] - good - bad) if key is None else row[key] or 0)
        of = [row["n_answered"] for row in rows]
        traces.append(
            {
                "type": "bar",
                "name": label,
                "orientation": "h",
                "x": [n / all_ for n, all_ in zip(counts, of, strict=True)],
                "y": list(range(len(rows))),
                "width": 0.42,
                "marker": {"color": colour, "line": {"color": "var(--bg)", "width": 1}},
                "text": [
                    f"{formats.count(n)} of {formats.count(all_)} {label}" for n, all_ in zip(counts, of, strict=True)
                ],
                "textposition": "none",
                "hovertemplate": "%{text}<extra></extra>",
            }
        )
    return traces


def without_loops(rows: Sequence[Row]) -> list[Row]:
    """The largest links that close no circle, which a Sankey cannot show."""
    after: dict[str, set[str]] = {}
    kept: list[Row] = []
    for row in rows:
        start, end = row["from_touchpoint"], row["to_touchpoint"]
        if len(kept) < MOST_LINKS and not _reaches(after, end, start):
            after.setdefault(start, set()).add(end)
            kept.append(row)
    return kept


def _reaches(after: Mapping[str, set[str]], start: str, end: str) -> bool:
    seen: set[str] = set()
    todo = [start]
    while todo:
        node = todo.pop()
        if node == end:
            return True
        if node not in seen:
            seen.add(node)
            todo.extend(after.get(node, ()))
    return False


def weekly(weeks: Sequence[Row], target: float | None, calendar: Sequence[Row]) -> tuple[list[Part], Part]:
    """A weekly share as a line in its band, broken where too few were counted, with target and calendar.

    `weeks` have week_on, n, share, low, high. Returns the traces and the layout.
    """
    shown = [week if (week["n"] or 0) >= SMALLEST_SHOWN else None for week in weeks]
    dates = [week["week_on"] for week in weeks]
    traces = [_band(stretch) for stretch in _stretches(shown)]
    hovers = [_week_says(week) if week else "" for week in shown]
    traces.append(
        {
            "type": "scatter",
            "mode": "lines+markers",
            "x": dates,
            "y": [week["share"] if week else None for week in shown],
            "connectgaps": False,
            "line": {"color": BAR, "width": 2},
            "marker": {"color": BAR, "size": 6 if len(dates) <= 30 else 4},
            "text": hovers,
            "hovertemplate": "%{text}<extra></extra>",
        }
    )
    shapes, notes = _calendar(calendar, weeks)
    if target is not None:
        stroke = {"color": INK, "width": 1.2, "dash": "dot"}
        shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": target, "y1": target, "line": stroke})
    ticks = dates[:: max(1, (len(dates) + 4) // 5)]
    across = {"type": "date", "tickvals": ticks, "ticktext": _dates_said(ticks)}
    return traces, layout(
        height=240,
        margin={"l": 46, "r": 14, "t": 24, "b": 34},
        shapes=shapes,
        annotations=notes,
        xaxis=plain(across | {"showline": True, "linecolor": GRID, "range": _ends(dates)}),
        yaxis=percent(_zoom(shown, target)),
    )


def _dates_said(dates: Sequence[str]) -> list[str]:
    """Dates under an axis: days within a year, months with their year beyond it."""
    if len(dates) < 2 or _days_between(dates[0], dates[-1]) < LONG_DAYS:
        return [formats.day(on, with_year=False) for on in dates]
    return [f"{formats.MONTHS[int(str(on)[5:7]) - 1]} {str(on)[:4]}" for on in dates]


def _days_between(first: str, last: str) -> int:
    return (datetime.date.fromisoformat(last[:10]) - datetime.date.fromisoformat(first[:10])).days


def _ends(dates: Sequence[str]) -> list[str]:
    """The axis from half a week before the first to the end of the last week."""
    first, last = (datetime.date.fromisoformat(str(on)[:10]) for on in (dates[0], dates[-1]))
    return [(first - datetime.timedelta(days=3)).isoformat(), (last + datetime.timedelta(days=7)).isoformat()]


def _week_says(week: Row) -> str:
    span = formats.between(week["low"], week["high"])
    counted = f"of {formats.count(week['n'])}"
    return f"week of {formats.day(week['week_on'])}<br>{formats.share(week['share'])} ({span})<br>{counted}"


def _band(stretch: Sequence[Row]) -> Part:
    on = [week["week_on"] for week in stretch]
    outline = [week["high"] for week in stretch] + [week["low"] for week in stretch][::-1]
    look = {"fill": "toself", "fillcolor": BAND, "line": {"width": 0}, "hoverinfo": "skip"}
    return {"type": "scatter", "mode": "lines", "x": on + on[::-1], "y": outline} | look


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


def _shown_entries(calendar: Sequence[Row], weeks: Sequence[Row]) -> list[Row]:
    """The calendar's entries within the weeks drawn."""
    first, last = str(weeks[0]["week_on"])[:10], str(weeks[-1]["week_on"])[:10]
    end = (datetime.date.fromisoformat(last) + datetime.timedelta(days=6)).isoformat()
    return [row for row in calendar if first <= row["event_on"] <= end][:MOST_NOTES]


def entries(calendar: Sequence[Row], weeks: Sequence[Row]) -> list[str]:
    """What the letters on a weekly drawing stand for: "a: release 5.12, 23 Sep"."""
    said = []
    for letter, row in zip(LETTERS, _shown_entries(calendar, weeks), strict=False):
        name = f"{formats.name(row['kind'], 20)} {formats.name(row['name'], 60)}"
        said.append(f"{letter}: {name}, {formats.day(row['event_on'], with_year=False)}")
    return said


def _calendar(calendar: Sequence[Row], weeks: Sequence[Row]) -> tuple[list[Part], list[Part]]:
    """Lines and spans of the calendar, each with its letter above it."""
    shapes: list[Part] = []
    notes: list[Part] = []
    for letter, row in zip(LETTERS, _shown_entries(calendar, weeks), strict=False):
        until = row["until_on"] or row["event_on"]
        if until > row["event_on"]:
            look = {"type": "rect", "x1": until, "fillcolor": LINE, "opacity": 0.5, "line": {"width": 0}}
        else:
            look = {"type": "line", "x1": row["event_on"], "line": {"color": MUTED, "width": 1.2, "dash": "dash"}}
        shapes.append({"yref": "paper", "x0": row["event_on"], "y0": 0, "y1": 1, "layer": "below"} | look)
        is_close = bool(notes) and _days_between(notes[-1]["x"], row["event_on"]) < CLOSE_DAYS
        style = {"xref": "x", "xanchor": "center", "yanchor": "bottom", "font": {"color": INK, "size": 12.5}}
        notes.append(note(letter, row["event_on"], 1.0, style | {"xshift": 7 if is_close else 0}))
    return shapes, notes
