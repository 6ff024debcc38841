"""A real Chromium and the rendered made-up shops. Without a Chromium the tests are skipped; in CI they fail instead."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import shops
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from journey_analytics.report.page import write_report

FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
NAMES = ("chromium", "chromium-browser", "google-chrome")

Opened = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        reason = f"no Chromium found; looked for {', '.join(NAMES)} on the path"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, dict[str, Any]]]:
    """The folder and the result object of a made-up shop's report, written once."""
    done: dict[str, tuple[Path, dict[str, Any]]] = {}

    def write(name: str) -> tuple[Path, dict[str, Any]]:
        if name not in done:
            result = shops.result_of(shops.SHOPS[name]())
            folder = tmp_path_factory.mktemp(name)
            write_report(result, folder)
            done[name] = folder, result
        return done[name]

    return write


@pytest.fixture
def opened(browser: Browser, written: Callable[[str], tuple[Path, dict[str, Any]]]) -> Iterator[Opened]:
    """Opens a shop's report from its file, offline, and notes on the page what it asked for and complained about."""
    contexts: list[BrowserContext] = []

    def open_report(name: str, *, width: int = 1280, fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.asked = []  # type: ignore[attr-defined]
        page.complaints = []  # type: ignore[attr-defined]
        page.on("request", lambda request: page.asked.append(request.url))  # type: ignore[attr-defined]
        page.on("pageerror", lambda error: page.complaints.append(str(error)))  # type: ignore[attr-defined]
        page.on("console", lambda said: said.type in {"error", "warning"} and page.complaints.append(said.text))  # type: ignore[attr-defined]
        page.goto(f"{(written(name)[0] / 'index.html').as_uri()}{fragment}")
        return page

    yield open_report
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def wait() -> Callable[[Page, str], None]:
    """Waits until an expression is true. (Playwright's own waiting needs eval, which the page's policy forbids.)"""

    def until(page: Page, expression: str) -> None:
        for _ in range(400):
            if page.evaluate(expression):
                return
            page.wait_for_timeout(50)
        pytest.fail(f"never true: {expression}")

    return until


@pytest.fixture(scope="session")
def draw_everything(wait: Callable[[Page, str], None]) -> Callable[[Page], None]:
    """Brings every chart into view, one after the other, and waits until all are drawn."""

    def draw(page: Page) -> None:
        for plot in page.query_selector_all(".plot"):
            plot.scroll_into_view_if_needed()
            page.wait_for_timeout(20)
        wait(page, "document.querySelectorAll('.plot:not([data-drawn])').length === 0")

    return draw
