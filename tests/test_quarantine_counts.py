"""What quarantine holds and what Great Expectations finds unexpected in the same rows are the same numbers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from shop_builder import WEB, make_shop, row

from journey_analytics.facts.expectations import ModelCheck
from journey_analytics.judge import judge_marts
from journey_analytics.landing.rejects import Filter, summary
from journey_analytics.warehouse import in_memory

COLUMNS = {
    **WEB["columns"],
    "score": {"type": "score", "scale": "nps_10"},
    "total": {"type": "integer", "at_least": 0, "at_most": 500},
    "channel": {"type": "text", "values": ["chat", "email"], "on_new_value": "reject_row"},
}
KIND = {"id": "varchar", "score": "bigint", "total": "bigint", "channel": "varchar"}
EXPECTED = {
    "id is missing": ModelCheck("journeys.raw", "not_null", columns=("id",)),
    "score lies outside nps_10 (0 to 10)": ModelCheck(
        "journeys.raw", "between", column="score", at_least=0, at_most=10
    ),
    "total is below 0": ModelCheck("journeys.raw", "between", column="total", at_least=0),
    "total is above 500": ModelCheck("journeys.raw", "between", column="total", at_most=500),
    "channel has a value that is not allowed": ModelCheck(
        "journeys.raw", "values", column="channel", values=("chat", "email")
    ),
}


def made_up_rows() -> list[dict[str, Any]]:
    """Two thousand rows of which about one in five breaks the contract, some of them in several ways."""
    dice = random.Random(7)
    return [
        row(
            number,
            id=None if dice.random() < 0.03 else f"e{number}",
            score=dice.choice([*range(11), *range(11), 11, -1, None]),
            total=dice.choice([0, 500, 250, 250, 250, None, -1, 501]) if dice.random() < 0.3 else 10,
            channel=dice.choice(["chat"] * 9 + ["email", None, "push"]),
        )
        for number in range(2000)
    ]


def test_quarantine_and_great_expectations_count_the_same_rows(tmp_path: Path) -> None:
    rows = made_up_rows()
    shop = make_shop(tmp_path / "shop", columns=COLUMNS)
    shop.deliver("web/a.jsonl", rows)
    shop.land()
    with shop.opened() as warehouse:
        refused = {found["reason"]: found["n_rows"] for found in summary(warehouse, Filter(), "work.ops.rejects")}
    house = in_memory()
    house.execute("create schema journeys; create schema ops")
    house.execute(f"create table journeys.raw ({', '.join(f'{name} {kind}' for name, kind in KIND.items())})")
    house.append("journeys.raw", [{name: each[name] for name in KIND} for each in rows])
    judged = judge_marts(house, {"journeys.raw": list(EXPECTED.values())}, [])
    assert refused == {reason: check.n_unexpected for reason, check in zip(EXPECTED, judged, strict=True)}
    assert min(refused.values()) > 0
