"""The report in a real browser: what report.md asks of it, by the numbers of its acceptance table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shops
from playwright.sync_api import Page

Opened = Callable[..., Page]
Written = Callable[[str], tuple[Path, dict[str, Any]]]
Draw = Callable[[Page], None]

Wait = Callable[[Page, str], None]
OURS = ("file:", "data:", "blob:", "about:")
EVERY_SHOP = tuple(shops.SHOPS)


@pytest.mark.parametrize("name", EVERY_SHOP)
def test_u01_u02_u15_the_page_asks_nobody_for_anything_complains_of_nothing_and_runs_no_name(
    name: str, opened: Opened, draw_everything: Draw
) -> None:
    page = opened(name)
    draw_everything(page)
    assert [url for url in page.asked if not url.startswith(OURS)] == []  # type: ignore[attr-defined]
    assert page.complaints == []  # type: ignore[attr-defined]
    assert page.evaluate("window.__xss") is None
    handlers = (
        "[...document.querySelectorAll('*')].filter(e => [...e.attributes].some(a => a.name.startsWith('on'))).length"
    )
    assert page.evaluate(handlers) == 0
    assert (
        page.evaluate("[...document.links].map(a => a.protocol).filter(p => !/^(https|mailto|file):$/.test(p))") == []
    )


@pytest.mark.parametrize("name", ["normal", "empty", "one_touchpoint", "unfit"])
def test_u03_without_javascript_the_verdict_the_findings_every_table_and_every_mark_are_there(
    name: str, opened: Opened, written: Written
) -> None:
    page = opened(name, java_script_enabled=False)
    result = written(name)[1]
    assert page.locator("h1").inner_text().split() == result["verdict"]["sentence"].split()
    shown = [row for row in result["findings"] if row["status"] == "open" and row["kind"] != "data"]
    assert page.locator("li.f").count() == min(40, len(shown))
    assert page.locator("main table").count() >= 3
    if name == "normal":
        assert page.locator("#journey svg").count() > 0
        assert page.locator(".markcell svg").first.is_visible()
        assert page.locator("text=The chart needs JavaScript").first.is_visible()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_u07_nothing_is_wider_than_the_page(width: int, opened: Opened, draw_everything: Draw) -> None:
    for name in ("normal", "hostile", "many_touchpoints", "empty"):
        page = opened(name, width=width)
        if width == 320 and name == "normal":
            draw_everything(page)
        page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name


def test_u07_text_of_twice_the_size_makes_nothing_wider_than_the_page(opened: Opened) -> None:
    page = opened("normal", width=1280)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") == 32
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_u05_the_tab_key_reaches_everything_in_order_and_every_focus_is_seen(opened: Opened) -> None:
    page = opened("one_touchpoint")
    wanted = page.evaluate(
        "[...document.querySelectorAll('a[href], button, select, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility({visibilityProperty: true}))"
        ".map((e, i) => { e.dataset.stop = i; return i; })"
    )
    reached = []
    for _ in wanted:
        page.keyboard.press("Tab")
        stop = page.evaluate("document.activeElement.dataset.stop")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")
        reached.append(int(stop))
    assert reached == wanted


def test_u05_the_skip_link_and_the_folds_work_by_keyboard(opened: Opened) -> None:
    page = opened("normal")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("location.hash") == "#verdict"
    fold = page.locator("#findings details summary").first
    fold.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('#findings details').open")
    page.keyboard.press("Space")
    assert not page.evaluate("document.querySelector('#findings details').open")


def test_u06_a_focused_element_is_not_under_the_sticky_header(opened: Opened) -> None:
    page = opened("normal")
    for _ in range(60):
        page.keyboard.press("Tab")
        box = page.evaluate(
            "(() => { const e = document.activeElement; if (e.closest('header, .skip')) return null;"
            " const b = e.getBoundingClientRect(); return [b.bottom, b.top, b.height]; })()"
        )
        assert box is None or box[0] > 48 or box[2] == 0, page.evaluate("document.activeElement.outerHTML")


def test_u14_a_deep_link_opens_what_is_folded_around_it(opened: Opened, written: Written, wait: Wait) -> None:
    findings = [row for row in written("normal")[1]["findings"] if row["status"] == "open" and row["kind"] != "data"]
    assert len(findings) > 5, "the sixth is folded"
    target = findings[5]["finding_id"]
    page = opened("normal", fragment=f"#{target}")
    wait(page, "document.querySelector(location.hash).getBoundingClientRect().top < innerHeight")
    assert page.locator(f"#{target}").is_visible()
    assert page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top") >= 48


def test_u17_the_csv_that_the_page_hands_out_is_the_file_beside_it(opened: Opened, written: Written) -> None:
    page = opened("hostile")
    with page.expect_download() as waiting:
        page.locator("#touchpoints .tools a.csv").first.click()
    download = waiting.value
    assert download.suggested_filename == "touchpoints-a3f9c27e11d0.csv"
    assert Path(download.path()).read_bytes() == (written("hostile")[0] / "csv" / "touchpoints.csv").read_bytes()


def test_the_filters_show_what_was_asked_for(opened: Opened, written: Written) -> None:
    page = opened("normal")
    page.select_option("#filters select[data-by=status]", "open")
    status = [row["status"] for row in written("normal")[1]["touchpoints"]]
    assert page.locator("#points tbody tr:visible").count() == status.count("open")
    assert page.locator("#shown").inner_text() == f"{status.count('open')} of {len(status)} shown"


def test_charts_are_drawn_when_seen_and_take_the_colours_of_the_theme(
    opened: Opened, draw_everything: Draw, wait: Wait
) -> None:
    page = opened("normal", color_scheme="light")
    assert page.evaluate("document.querySelectorAll('.plot[data-drawn]').length") == 0
    assert page.evaluate("typeof window.Plotly") == "undefined"
    draw_everything(page)
    colour = "getComputedStyle(document.querySelector('#fig-answers .gtitle, #fig-answers .annotation-text')).fill"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    wait(page, f"{colour} !== {light!r}")
    assert page.evaluate(colour) != light


def test_u22_on_an_unfit_night_the_banner_comes_first_and_nothing_is_newly_flagged(opened: Opened) -> None:
    page = opened("unfit")
    assert page.locator("main > section").first.locator("> *").first.get_attribute("role") == "alert"
    assert page.locator("h1").inner_text().startswith("No verdict tonight")
    assert page.locator("li.f").count() == 0
