"""Funnels that a person can work out by eye: the cases of the two files beside this one, answered from end to end."""

from __future__ import annotations

import datetime
import functools
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import planner
from journey_analytics.funnels.log import Log
from journey_analytics.warehouse import Warehouse, in_memory

Case = dict[str, Any]
FILES = [Path(__file__).with_name(name) for name in ("funnel_cases.yml", "funnel_preset_cases.yml")]
CASES: list[Case] = [case for path in FILES for case in yaml.safe_load(path.read_text(encoding="utf-8"))]
KEYS = {"case", "funnel", "log", "expect", "open", "lost", "groups"}
TEXTS = ("customer_id", "event_id", "event_name", "source", "device", "order_id", "session_id", "touchpoint", "stage")
NUMBERS = ("size", "turn", "revenue_minor")
SCHEMA = pa.schema(
    [("event_at", pa.timestamp("us")), *((name, pa.string()) for name in TEXTS), *((n, pa.int64()) for n in NUMBERS)]
)
TYPES = {"event_at": "TIMESTAMP", **dict.fromkeys(TEXTS, "VARCHAR"), **dict.fromkeys(NUMBERS, "BIGINT")}
LOG = Log("events", TYPES, ("event_id",))
LINE = re.compile(r"^(\S+) (?:(\d+) )?(\d\d:\d\d(?::\d\d(?:\.\d+)?)?) (\S+)((?: \S+=\S+)*)$")


@functools.cache
def warehouse() -> Warehouse:
    return in_memory()


def event(line: str, number: int) -> dict[str, Any]:
    """`ada 2 09:00 A device=phone` as an event."""
    said = LINE.match(line)
    assert said, f"not a line of a log: {line}"
    more = dict(pair.split("=", 1) for pair in said[5].split())
    at = datetime.datetime.fromisoformat(f"2026-01-{int(said[2] or 1):02}T{said[3]}")
    numbers = {name: int(more.pop(name)) for name in NUMBERS if name in more}
    customer = None if said[1] == "-" else said[1]
    return {"customer_id": customer, "event_at": at, "event_id": f"e{number}", "event_name": said[4], **more, **numbers}


def answered(case: Case) -> planner.Answer:
    events = [event(line, number) for number, line in enumerate(case["log"])]
    with warehouse().offered("events", pa.Table.from_pylist(events, schema=SCHEMA)):
        return planner.answer(Funnel.model_validate(case["funnel"]), LOG, warehouse())


def column(answer: planner.Answer, name: str, group: str | None = None) -> list[Any]:
    return [row[name] for row in answer.rows if row["breakdown_value"] == group]


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in CASES])
def test_a_funnel_counts_what_a_person_worked_out(case: Case) -> None:
    answer = answered(case)
    assert column(answer, "n") == case["expect"]
    for name, key in (("n_open", "open"), ("n_lost", "lost")):
        assert key not in case or column(answer, name) == case[key]
    for name in set(case) - KEYS:
        assert column(answer, name) == pytest.approx(case[name]), name
    groups = {row["breakdown_value"] for row in answer.rows} - {None}
    assert groups == set(case.get("groups", {}))
    for group, counts in case.get("groups", {}).items():
        assert column(answer, "n", group) == counts, group


def test_every_case_of_a_funnel_is_a_sentence_of_its_own() -> None:
    sentences = [case["case"] for case in CASES]
    assert len(sentences) == len(set(sentences))
