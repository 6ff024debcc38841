"""U04: axe finds nothing to complain of, with everything unfolded and drawn, in both themes, narrow and wide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}


def violations(page: Page) -> list[Any]:
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true; })")
    found = Axe().run(page, options=RULES).response["violations"]
    return [(rule["id"], [node["html"][:160] for node in rule["nodes"]][:3]) for rule in found]


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (1280, "dark")])
def test_u04_everybody_can_read_a_normal_night(
    width: int, theme: str, opened: Callable[..., Page], draw_everything: Callable[[Page], None]
) -> None:
    page = opened("normal", width=width, color_scheme=theme, bypass_csp=True)
    draw_everything(page)
    assert violations(page) == []


@pytest.mark.parametrize("name", ["empty", "hostile"])
def test_u04_everybody_can_read_the_edges(name: str, opened: Callable[..., Page]) -> None:
    page = opened(name, width=390, color_scheme="dark", bypass_csp=True)
    assert violations(page) == []
