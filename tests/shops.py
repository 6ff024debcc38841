"""The made-up shops of the report's tests, from a normal night to the edges where reports break."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from made_up_plans import ATTACKS, POINTS, SEGMENTS, STAGES, Point, Stage
from made_up_shop import AS_OF, Shop, build, check, draw_map

from journey_analytics.claims import findings
from journey_analytics.report.result import RunFacts, assemble

SCRIPT = "javascript:window.__xss=1"


def normal() -> Shop:
    """A shop as it is most nights."""
    return build("Sample shop", STAGES, POINTS, SEGMENTS)


def empty() -> Shop:
    """A shop whose map is drawn and whose feeds brought nothing."""
    shop = Shop()
    draw_map(shop, "Sample shop", STAGES, POINTS, SEGMENTS)
    for source in ("web", "orders", "surveys"):
        shop.put(
            "ops.feeds",
            source=source,
            is_required=source != "surveys",
            n_files=0,
            n_read=0,
            n_loaded=0,
            status="missing",
        )
    findings.find(cast("Any", shop))
    return shop


def one_touchpoint() -> Shop:
    """One stage, one touchpoint, one customer."""
    stage = Stage("visit", "Visit", "See what there is.", "Owner", 7, 1, 0.0, 0, None, None, 1)
    return build(
        "Corner shop", [stage], [Point("page", "Any page", "visit", "web", "Owner", 1, 0.0, 0.5, n_open=0)], small=True
    )


def many_touchpoints() -> Shop:
    """As many touchpoints as a large shop might draw on its map."""
    draw = random.Random(5)
    channels = ("web", "email", "support", "ads")
    points = [
        Point(f"point_{number:03}", f"Touchpoint {number}", STAGES[number % 5].id, channels[number % 4], "CRM",
              draw.randint(5, 900), draw.uniform(0.3, 0.6), 0.42)
        for number in range(500)
    ]  # fmt: skip
    return build("Department store", STAGES, points, SEGMENTS)


def hostile() -> Shop:
    """The normal shop, with names that attack the page, the spreadsheet and the reader."""
    stages = [
        replace(stage, name=ATTACKS[at], wants=ATTACKS[at + 3], owner=ATTACKS[at + 5])
        for at, stage in enumerate(STAGES)
    ]
    points = [
        replace(
            point, name=ATTACKS[at], owner=ATTACKS[(at + 1) % 16], next_action=ATTACKS[(at + 2) % 16], playbook=SCRIPT
        )
        for at, point in enumerate(POINTS)
    ]  # fmt: skip
    segments = [(key, ATTACKS[at], ATTACKS[at + 1], part, rate) for at, (key, _, _, part, rate) in enumerate(SEGMENTS)]
    shop = build(ATTACKS[0], stages, points, segments)
    shop.put(
        "journeys.event_shapes", shape_id=99, source=ATTACKS[1], event_name=ATTACKS[2], n_events=90_000, is_bot=False
    )
    shop.put("ops.rejects", file_id="a", source="web", file=ATTACKS[0], row_number=1, reasons=[ATTACKS[1]], row="=x")
    check(shop, ATTACKS[1], ATTACKS[2], "warn", False, ATTACKS[3], ATTACKS[5])
    shop.put("rules.calendar", event_on="2026-09-01", kind=ATTACKS[0], name=ATTACKS[1], touches=["payment_mobile"])
    return shop


def unfit() -> Shop:
    """The normal shop on a night when a required feed did not come and a check froze the flags."""
    shop = normal()
    shop.execute(
        "update ops.feeds set status = 'missing', n_files = 0, n_read = 0, n_loaded = 0 where source = 'orders'"
    )
    check(shop, "orders", "rows_read", "freeze", False, "0", "at least 1")
    return shop


SHOPS: Mapping[str, Callable[[], Shop]] = {
    "normal": normal, "empty": empty, "one_touchpoint": one_touchpoint, "many_touchpoints": many_touchpoints,
    "hostile": hostile, "unfit": unfit,
}  # fmt: skip


def result_of(shop: Shop, *, run_id: str = "a3f9c27e11d0", previous: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The result object of a shop's night."""
    return assemble(shop, RunFacts(run_id, "5ad0c1e7", "0.1.0", 1, AS_OF, previous))
