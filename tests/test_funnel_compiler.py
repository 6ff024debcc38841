"""The compiled SELECT against the slow reference: the same customers, steps and times, for every switch."""

from __future__ import annotations

import datetime
import functools
import os
import random
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from funnel_lines import Event
from funnel_reference import Counted, Reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import compiler
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse, in_memory

BEGIN = datetime.datetime(2026, 1, 1)
CONDITIONS: dict[str, Callable[[Event], bool]] = {
    "size > 1": lambda event: event["size"] is not None and event["size"] > 1,
    "not size = 2": lambda event: event["size"] is not None and event["size"] != 2,
    "device = 'phone' or device is null": lambda event: event["device"] in ("phone", None),
}
SCHEMA = pa.schema(
    [
        ("customer_id", pa.string()), ("session_id", pa.string()), ("journey_id", pa.string()),
        ("event_at", pa.timestamp("us")), ("event_id", pa.string()), ("event_name", pa.string()),
        ("touchpoint", pa.string()), ("stage", pa.string()), ("size", pa.int64()), ("order_id", pa.string()),
        ("device", pa.string()), ("turn", pa.int64()), ("revenue_minor", pa.int64()),
    ]
)  # fmt: skip
TYPES = {"string": "VARCHAR", "int64": "BIGINT", "timestamp[us]": "TIMESTAMP"}
LOG = Log("events", {field.name: TYPES[str(field.type)] for field in SCHEMA}, ("event_id",))


def events_of(seed: int, size: int) -> list[Event]:
    """A log of a few customers within a few minutes: many ties, many repeated steps, some ids missing."""
    dice = random.Random(seed)
    grain = 20 if seed % 4 == 0 else 60
    events = []
    for number in range(size):
        name = dice.choice("aaabbbcccdx")
        customer = dice.choice(["ada", "ada", "ada", "bob", "bob", None])
        order = dice.choice(["o1", "o1", "o1", "o2", None])
        events.append(
            {
                "customer_id": customer,
                "session_id": dice.choice([f"{customer}-1", f"{customer}-1", f"{customer}-2", None]),
                "journey_id": f"{customer}-j",
                "event_at": BEGIN + datetime.timedelta(seconds=grain * dice.randint(0, 14 * 60 // grain)),
                "event_id": f"e{dice.randint(0, 9)}{number:02}",
                "event_name": name,
                "touchpoint": {"a": "home", "b": "cart", "c": "cart"}.get(name),
                "stage": {"a": "early", "b": "late"}.get(name),
                "size": dice.choice([1, 2, 3, 3, None]),
                "order_id": order,
                "device": dice.choice(["phone", "phone", "desk", None]),
                "turn": dice.choice([1, 2, 3, None]),
                "revenue_minor": dice.choice([None, 100]),
            }
        )
    return events


def said(**keys: Any) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}


def seldom(*values: Any) -> st.SearchStrategy[Any]:
    """Mostly None, now and then one of the values."""
    return st.sampled_from([None] * 6 * len(values) + list(values))


WHERES = seldom(*CONDITIONS)
ODD = [
    ("event", ["b", "c"]), ("event", "*"), ("event", "d"), ("touchpoint", "cart"), ("touchpoint", "*"),
    ("touchpoint", "home"), ("stage", "late"),
]  # fmt: skip


def selector_of(draw: st.DrawFn, usual: str) -> dict[str, Any]:
    kind, names = draw(st.sampled_from([("event", usual)] * 12 + ODD))
    return {kind: names, **said(where=draw(WHERES))}


DURATIONS = st.sampled_from(["1 minute", "2 minutes", "4 minutes", "7 minutes"])


def step_of(draw: st.DrawFn, number: int, order: str) -> dict[str, Any]:
    usual = draw(st.sampled_from(["abca"[number - 1]] * 4 + ["a", "b", "c"]))
    several = draw(st.integers(0, 8)) == 0
    made = {"any_of": [selector_of(draw, usual), selector_of(draw, "c")]} if several else selector_of(draw, usual)
    step = {**made, "name": f"s{number}", **said(first_time=draw(seldom("event", "step")))}
    if number > 1 and order != "any":
        step |= said(within=draw(seldom("1 minute", "3 minutes")), optional=draw(seldom(True)))
    return step


def exclusions_of(draw: st.DrawFn, required: list[str], order: str) -> list[dict[str, Any]]:
    exclude = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        exclusion = {**selector_of(draw, "x"), "then": draw(st.sampled_from(["drop", "remove"]))}
        if order != "any" and len(required) > 1 and draw(st.booleans()):
            first = draw(st.integers(0, len(required) - 2))
            exclusion["between"] = [required[first], required[draw(st.integers(first + 1, len(required) - 1))]]
        exclude.append(exclusion)
    return exclude


TIES = [
    "listed", "strictly_after", {"any_order_within": "1 minute"}, {"any_order_within": "2 minutes"},
    {"rounded_to": "1 minute"},
]  # fmt: skip


@st.composite
def funnels(draw: st.DrawFn) -> Funnel:
    order = draw(st.sampled_from(["ordered", "ordered", "strict", "any"]))
    steps = [step_of(draw, number, order) for number in range(1, draw(st.sampled_from([1, 2, 2, 3, 3, 3, 4])) + 1)]
    places = ["first", "last", "all"] + ([] if order == "any" else [step["name"] for step in steps])
    counts = ["customers", "customers", "sessions", "journeys", *["attempts"] * 2 * (order != "any")]
    range_ = draw(st.sampled_from(["entry", "entry", "whole"]))
    start, end = draw(seldom(2, 5)), draw(seldom(9, 12) if range_ == "entry" else st.sampled_from([None, 9, 12]))
    definition = (
        {
            "steps": steps, "order": order, "count": draw(st.sampled_from(counts)),
            "exclude": exclusions_of(draw, [step["name"] for step in steps if not step.get("optional")], order),
            "window": draw(st.just("unlimited") | DURATIONS),
            "attempt": draw(st.sampled_from(["best", "best", "first"])),
            "ties": draw(st.sampled_from(TIES)), "range": range_,
            "entered": {**said(**{"from": minute(start), "to": minute(end)})},
            **said(
                sequence=draw(seldom("turn")), where=draw(WHERES),
                hold=draw(seldom("order_id", ["order_id", "device"])),
                breakdown=draw(st.none() | st.builds(dict, by=st.just("device"), at=st.sampled_from(places))),
                as_of=minute(draw(st.sampled_from([None, 6, 12, 15, 17]))),
            ),
        }
    )  # fmt: skip
    try:
        return Funnel.model_validate(definition)
    except ValidationError:  # a tolerance knows no removal and no two steps made by the same events
        return Funnel.model_validate(definition | {"ties": "listed"})


def minute(number: int | None) -> datetime.datetime | None:
    return None if number is None else BEGIN + datetime.timedelta(minutes=number)


CASES = st.tuples(funnels(), st.builds(events_of, st.integers(0, 2**32), st.sampled_from([12, 24, 36, 20, 6, 0])))


@functools.cache
def warehouse() -> Warehouse:
    return in_memory()


def compiled(question: Question, events: list[Event]) -> dict[tuple[Any, ...], Counted]:
    with warehouse().offered("events", pa.Table.from_pylist(events, schema=SCHEMA)):
        rows = warehouse().rows(compiler.attempts(question))
    places = range(1, len(question.funnel.steps) + 1)
    told_apart = question.funnel.breakdown is not None and not question.per_value
    return {
        tuple(row[name] for name in question.unit): Counted(
            row["furthest"], row["is_open"], [row[f"at_{place}"] for place in places],
            row["breakdown_value"] if told_apart else None,
        )
        for row in rows
    }  # fmt: skip


def expected(question: Question, events: list[Event]) -> dict[tuple[Any, ...], Counted]:
    answer = Reference(question.funnel, CONDITIONS, question.per_value).answer(events)
    return {key: Counted(each.furthest, each.is_open, each.at, each.value) for key, each in answer.items()}


def agree(case: tuple[Funnel, list[Event]]) -> None:
    funnel, events = case
    question = Question(funnel, LOG)
    assert compiled(question, events) == expected(question, events)
    if funnel.breakdown and funnel.breakdown.at == "all":
        question = Question(funnel, LOG, per_value=True)
        assert compiled(question, events) == expected(question, events)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(CASES)
def test_the_select_counts_as_the_reference_does_for_every_switch(case: tuple[Funnel, list[Event]]) -> None:
    agree(case)
    assert case[0].steps


@pytest.mark.slow
@settings(
    max_examples=2_000 if os.environ.get("JOURNEY_SLOW") == "small" else 40_000,
    deadline=None, suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(CASES)
def test_the_select_counts_as_the_reference_does_on_many_thousand_logs(case: tuple[Funnel, list[Event]]) -> None:
    agree(case)
    assert case[0].steps


def test_every_engine_that_reads_sql_can_be_given_the_select() -> None:
    definition = {
        "steps": ["a", {"event": "b", "within": "1 day"}, {"event": "o", "optional": True}, "c"], "count": "attempts",
        "exclude": ["x", {"event": "y", "then": "remove"}], "breakdown": {"by": "device"}, "as_of": "2026-01-20",
    }  # fmt: skip
    near = {"ties": {"any_order_within": "2 seconds"}, "exclude": ["x"]}
    rounded = {"ties": {"rounded_to": "1 second"}, "range": "whole", "entered": ["2026-01-01", "2026-01-10"]}
    for order in ({}, {"order": "any", "count": "sessions", "steps": ["a", "b"]}, near, rounded):
        question = Question(Funnel.model_validate(definition | order), LOG)
        sql = compiler.steps(question, dialect="spark")
        assert not re.search(r"APPROX|QUANTILE|ASOF|EPOCH|MEDIAN|QUALIFY", sql), "silently different, or refused"
        assert "step_1 AS" in sql or "starts AS" in sql
