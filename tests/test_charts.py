"""The figures: only where there is something to draw, names harmless, few counted never drawn."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
import shops

from journey_analytics.report import chartparts, charts, exports


@functools.cache
def result_of(name: str) -> dict[str, Any]:
    return shops.result_of(shops.SHOPS[name]())


def drawn(name: str) -> list[charts.Figure]:
    return [figure for made in charts.figures(result_of(name)).values() for figure in made]


def test_a_normal_night_draws_every_kind_of_figure() -> None:
    sections = charts.figures(result_of("normal"))
    assert {section for section, made in sections.items() if made} == set(sections)
    kinds = {trace["type"] for figure in drawn("normal") for trace in figure.spec["data"]}
    assert kinds == {"scatter", "bar", "sankey"}


@pytest.mark.parametrize("name", ["empty", "one_touchpoint"])
def test_where_there_is_nothing_to_draw_nothing_is_drawn(name: str) -> None:
    assert drawn(name) == []


def test_every_figure_has_a_table_an_anchor_of_its_own_and_a_height_that_the_page_keeps_room_for() -> None:
    for name in ("normal", "hostile", "many_touchpoints"):
        figures = drawn(name)
        assert len({figure.anchor for figure in figures}) == len(figures)
        assert {figure.table for figure in figures} <= set(exports.tables(result_of(name)))
        assert {figure.height for figure in figures} <= set(chartparts.HEIGHTS)


def test_a_name_is_text_and_never_markup_for_the_chart_library() -> None:
    for figure in drawn("hostile"):
        text = json.dumps(figure.spec)
        for attack in ("<img", "<script", "<svg"):
            assert attack not in text
        assert "\\u202e" not in text


def test_the_chart_library_travels_whole_and_is_never_linked() -> None:
    assert charts.library() == charts.library()
    for figure in drawn("normal"):
        assert "http" not in json.dumps(figure.spec)


def test_a_sankey_has_at_most_twelve_links_and_no_circle() -> None:
    flows = next(figure for figure in drawn("normal") if figure.anchor == "fig-flows").spec["data"][0]["link"]
    links = list(zip(flows["source"], flows["target"], strict=True))
    assert 3 <= len(links) <= 12
    reached = {link[1] for link in links}
    for _ in links:
        links = [link for link in links if link[0] in reached]
        reached = {link[1] for link in links}
    assert links == [], "following the links for ever would mean a circle"


def test_the_links_kept_are_the_largest_that_close_no_circle() -> None:
    rows = [{"from_touchpoint": start, "to_touchpoint": end} for start, end in ("ab", "bc", "ca", "cd", "aa")]
    kept = chartparts.without_loops(rows)
    assert [row["from_touchpoint"] + row["to_touchpoint"] for row in kept] == ["ab", "bc", "cd"]


def week(on: str, n: int, share: float | None) -> dict[str, Any]:
    return {"week_on": on, "n": n, "share": share, "low": share, "high": share}


def test_a_week_with_fewer_than_ten_breaks_the_line_and_its_band() -> None:
    weeks = [week("2026-07-06", 40, 0.5), week("2026-07-13", 30, 0.6), week("2026-07-20", 9, 1.0)]
    weeks += [week("2026-07-27", 40, 0.4), week("2026-08-03", 50, 0.5)]
    traces, _ = chartparts.weekly(weeks, None, [])
    assert traces[-1]["y"] == [0.5, 0.6, None, 0.4, 0.5]
    assert [len(trace["x"]) for trace in traces[:-1]] == [4, 4]


def test_the_calendar_is_drawn_inside_the_weeks_shown_and_nowhere_else() -> None:
    weeks = [week("2026-07-06", 40, 0.5), week("2026-07-13", 30, 0.6), week("2026-07-20", 20, 0.6)]
    calendar = [
        {"event_on": on, "until_on": until, "kind": "release", "name": on, "touches": []}
        for on, until in (
            ("2026-06-01", None),
            ("2026-07-08", None),
            ("2026-07-21", "2026-12-24"),
            ("2026-09-01", None),
        )
    ]
    _, layout = chartparts.weekly(weeks, 0.7, calendar)
    assert [(note["text"], note["x"]) for note in layout["annotations"]] == [("a", "2026-07-08"), ("b", "2026-07-21")]
    assert chartparts.entries(calendar, weeks)[0] == "a: release 2026-07-08, 8\u00a0Jul"
    assert [shape["type"] for shape in layout["shapes"]] == ["line", "rect", "line"]
    assert layout["xaxis"]["range"] == ["2026-07-03", "2026-07-27"], "what goes on longer is cut there"


def test_a_small_share_is_drawn_on_an_axis_that_begins_at_zero_and_fits_it() -> None:
    weeks = [week(f"2026-07-{day:02}", 40, 0.04) for day in (6, 13, 20)]
    _, layout = chartparts.weekly(weeks, 0.02, [])
    assert layout["yaxis"]["range"][0] == 0
    assert layout["yaxis"]["range"][1] == pytest.approx(0.101)


def test_a_segment_too_small_to_show_is_in_no_figure() -> None:
    shop = shops.normal()
    shop.execute("update marts.stage_metrics set n_customers = 3 where segment = 'returning'")
    shop.execute("update marts.touchpoint_metrics set n_customers = 3 where segment = 'returning'")
    figures = charts.figures(shops.result_of(shop))
    text = json.dumps(figures["segments"][0].spec)
    assert "Returning customers" not in text
    assert "New customers" in text
