"""The report: one self-contained HTML file, report.json and CSV files, all renderings of the same result object.

Everything that comes from data is escaped by the template engine, names are shown with their control characters made
visible, and the page's own policy lets nothing run but its own script: no network, no handlers, no styles in tags.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from journey_analytics import formats
from journey_analytics.report import chartparts, charts, exports, marks, verdict
from journey_analytics.report.result import to_json

Row = Mapping[str, Any]

MOST_ROWS = exports.MOST_ROWS
MOST_FLOWS = 14
SECTIONS = (
    ("findings", "Findings"),
    ("journey", "Journey"),
    ("funnel", "Stages"),
    ("touchpoints", "Touchpoints"),
    ("satisfaction", "Voices"),
    ("promises", "Promises"),
    ("trends", "Trends"),
    ("segments", "Segments"),
    ("flows", "Flows"),
    ("data", "Data"),
    ("method", "Method"),
)
POLICY = (
    "default-src 'none'; script-src '{hash}' blob:; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)


def write_report(result: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write index.html, report.json and csv/*.csv into `folder`, which is made where it is missing.

    Two calls with the same result write the same bytes. Returns the written paths, in a fixed order.
    """
    tables = exports.tables(result)
    written = {"index.html": render(result).encode("utf-8"), "report.json": to_json(result).encode("utf-8")}
    written |= {f"csv/{key}.csv": exports.to_csv(table) for key, table in sorted(tables.items())}
    paths = []
    for name, content in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        paths.append(path)
    return paths


def render(result: Mapping[str, Any]) -> str:
    """The whole page as text."""
    tables = exports.tables(result)
    script = _asset("script.js")
    figures = charts.figures(result)
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    return str(
        _environment()
        .get_template("page.html")
        .render(
            r=result,
            run_id=formats.anchor("run", result["run_id"]) if not str(result["run_id"]).isalnum() else result["run_id"],
            policy=POLICY.format(hash=f"sha256-{digest}"),
            style=_asset("style.css"),
            script=script,
            plotly=charts.library(),
            files=packed({f"csv/{key}.csv": exports.to_csv(table).decode("utf-8") for key, table in tables.items()}),
            sections=SECTIONS,
            tables=tables,
            queries=result["method"]["queries"],
            figures=figures,
            most_rows=MOST_ROWS,
            most_flows=MOST_FLOWS,
            **_lookups(result, figures),
        )
    )


def packed(files: Mapping[str, str]) -> str:
    """Files as one JSON object, gzipped, in base64: what the page hands out when a CSV is asked for."""
    text = json.dumps(files, ensure_ascii=False, sort_keys=True)
    return base64.b64encode(gzip.compress(text.encode("utf-8"), 9, mtime=0)).decode("ascii")


def embedded(value: Any) -> str:
    """JSON that can stand inside a script element whatever its texts hold."""
    text = json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _lookups(result: Row, figures: Mapping[str, Sequence[charts.Figure]]) -> dict[str, Any]:
    """What the templates look up by key: words for ids, numbers for findings."""
    open_findings = verdict.open_now(result["findings"])
    names = {row["touchpoint"]: row["name"] for row in result["touchpoints"]}

    def point_name(key: str) -> str:
        return names.get(key) or charts.ENDS.get(key, key)

    return {
        "open_findings": open_findings,
        "data_findings": [row for row in result["findings"] if row["kind"] == "data" and row["status"] == "open"],
        "stage_names": charts.stage_names(result),
        "segment_names": {row["segment"]: row["name"] or row["segment"] for row in result["segments"]},
        "point_rows": set(names) & {row["touchpoint"] for row in result["touchpoints"][:MOST_ROWS]},
        "point_name": point_name,
        "playbooks": {
            row["touchpoint"]: link for row in result["touchpoints"] if (link := formats.link(row["playbook"]))
        },
        "trend_anchors": _trend_anchors(figures, open_findings),
        "number_of": {row["finding_id"]: number for number, row in enumerate(open_findings, 1)},
        "titles": {row["finding_id"]: row["title"] for row in open_findings},
        "measures_of": {row["finding_id"]: verdict.measure(row["metric"]).label for row in open_findings},
        "emotions": marks.emotions(result["journey_map"]["lanes"]),
        "most_entered": max((row["n_entered"] or 0 for row in result["stages"]), default=0),
        "has_contacts": any(row["n_contacted"] for row in [*result["stages"], *result["touchpoints"]]),
        "channels": sorted({row["channel"] for row in result["touchpoints"] if row["channel"]}),
        "coverage": marks.heat(result["coverage"], [row["stage"] for row in result["stages"]]),
    }


def _trend_anchors(figures: Mapping[str, Sequence[charts.Figure]], open_findings: Sequence[Row]) -> dict[str, str]:
    """Where the weeks of each open finding are drawn, if they are."""
    drawn = {figure.anchor for made in figures.values() for figure in made}
    anchors = {row["finding_id"]: charts.trend_anchor(row) for row in open_findings}
    return {finding: anchor for finding, anchor in anchors.items() if anchor in drawn}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("journey_analytics"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= _text_filters() | _row_filters()
    return environment


def _text_filters() -> dict[str, Callable[..., Any]]:
    return {
        "count": formats.count,
        "share": formats.share,
        "points": formats.points,
        "gap": formats.gap,
        "between": formats.between,
        "number": formats.number,
        "money": formats.money,
        "day": formats.day,
        "minute": formats.minute,
        "duration": formats.duration,
        "plural": formats.plural,
        "words": formats.words,
        "name": formats.name,
        "embedded": embedded,
        "finding_anchor": formats.finding_anchor,
        "cell": exports.cell,
        "kindlabel": charts.kind_label,
        "anchor": lambda value, prefix: formats.anchor(prefix, value),
        "hours": lambda hours: formats.duration(hours * 3600 if hours is not None else None),
        "capital": lambda text: text[:1].upper() + text[1:],
        "statusword": lambda status: marks.STATUS_WORDS.get(status, formats.words(status)),
        "kindword": lambda kind: marks.KINDS.get(kind, ("▼", formats.words(kind)))[1],
        "kindmark": lambda kind: marks.KINDS.get(kind, ("▼", ""))[0],
    }


def _row_filters() -> dict[str, Callable[..., Any]]:
    return {
        "claim": verdict.claim,
        "against": verdict.against,
        "odds": verdict.odds,
        "value": verdict.value,
        "measure": verdict.measure,
        "place": marks.place,
        "axis_end": marks.axis_end,
        "axis_labels": marks.axis_labels,
        "side": marks.side,
        "part": marks.part,
        "polyline": marks.polyline,
        "level": marks.level,
        "enough": chartparts.enough,
        "values": lambda rows, key: [row[key] for row in rows if row[key] is not None],
        "span": marks.span,
        "short": marks.is_short,
        "stage_short": lambda row: marks.is_short(row, "progressed"),
        "scores": marks.scores,
        "worst_first": marks.worst_first,
        "enough_weeks": lambda finding: _enough(finding["weeks"]),
        "of_status": lambda rows, status: [row for row in rows if row["status"] == status],
        "at_stage": lambda segment, stage: next((cell for cell in segment["stages"] if cell["stage"] == stage), None),
        "steps": lambda path: str(path).split(" > "),
        "sources": lambda questions, queries: marks.sources([queries[question] for question in questions]),
    }


def _enough(weeks: Sequence[Row]) -> list[Row]:
    rows = chartparts.enough(weeks)
    return rows if len(rows) > 2 else []


def _asset(name: str) -> str:
    return resources.files("journey_analytics").joinpath("templates", name).read_text(encoding="utf-8").strip()
