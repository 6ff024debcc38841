"""The macro of the published file and `journey funnel` are one funnel: the same log, the same numbers."""

from __future__ import annotations

import datetime
import random
from pathlib import Path

import pyarrow as pa
import pytest

from journey_analytics.build import macros
from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import planner
from journey_analytics.funnels.log import Log
from journey_analytics.warehouse import in_memory

ROOT = Path(__file__).resolve().parents[1]
BEGIN = datetime.datetime(2026, 3, 1)
TYPES = {"customer_id": "VARCHAR", "event_at": "TIMESTAMP", "event_id": "VARCHAR", "event_name": "VARCHAR",
         "touchpoint": "VARCHAR", "stage": "VARCHAR", "is_bot": "BOOLEAN", "is_internal": "BOOLEAN"}  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_the_macro_counts_what_the_command_counts(seed: int) -> None:
    dice = random.Random(seed)
    rows = [
        {"customer_id": dice.choice([f"c{dice.randrange(30)}"] * 9 + [None]),
         "event_at": BEGIN + datetime.timedelta(hours=dice.randrange(240)), "event_id": f"e{number:04}",
         "event_name": (name := dice.choice("aabbcdx")), "touchpoint": {"a": "p", "b": "q", "d": "p"}.get(name),
         "stage": None, "is_bot": dice.random() < 0.05, "is_internal": False}
        for number in range(dice.randrange(200, 400))
    ]  # fmt: skip
    as_of = BEGIN + datetime.timedelta(hours=dice.randrange(240, 300))
    shop = in_memory()
    shop.execute(
        "create schema journeys; create schema rules; create table rules.settings (name varchar, value varchar)"
    )
    shop.execute(f"insert into rules.settings values ('as_of', '{as_of}')")
    with shop.offered("drawn", pa.Table.from_pylist(rows)):
        columns = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in TYPES.items())
        shop.execute(f"create table journeys.events as select {columns} from drawn order by event_id")
    for macro in macros.discover([ROOT / "sql"]):
        if macro.name in ("funnel", "funnel_customers", "wilson_low", "wilson_high"):
            shop.execute(macro.sql)
    log = Log("journeys.events", TYPES, ("event_id",), left_out="is_bot or is_internal")
    for kind, steps, hours in (("event_name", "abc", 24), ("event_name", "bxad", 72), ("touchpoint", "pq", 48)):
        key = {"event_name": "event"}.get(kind, kind)
        asked = Funnel.model_validate(
            {"steps": [{key: name} for name in steps], "window": f"{hours} hours", "as_of": as_of}
        )
        wanted = [(row["step"], row["n"], row["n_open"]) for row in planner.answer(asked, log, shop).rows]
        found = shop.rows(f"from funnel({list(steps)}, interval {hours} hour, steps_are := '{kind}')")
        assert [(row["step"], row["n"], row["n_open"]) for row in found] == wanted
        assert wanted[1][1] > 0, "a case that could tell the difference"
    shop.close()
