"""The sorted pass against the compiled SELECT: the same rows, or it declines."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_funnel_compiler import BEGIN, CONDITIONS, LOG, SCHEMA, events_of

from journey_analytics.facts.funnels import Funnel
from journey_analytics.funnels import fast, planner
from journey_analytics.funnels.engines import Ansi, Declined
from journey_analytics.funnels.fast import Sorted
from journey_analytics.funnels.log import Log
from journey_analytics.funnels.marks import Question
from journey_analytics.warehouse import Warehouse, in_memory

NUMBERS = {"n", "n_first", "n_previous", "n_open", "revenue_minor", "step_number"}
GROUPS = {"segment", "breakdown_value", "step"}


@pytest.fixture(scope="module")
def shop() -> Warehouse:
    return in_memory()


def filled(shop: Warehouse, seed: int, size: int, order: str = "customer_id, event_at, event_id") -> Log:
    """A table of a random log, in an order."""
    table = pa.Table.from_pylist(events_of(seed, size), schema=SCHEMA)
    with shop.offered("drawn", table):
        shop.execute(f"create or replace table events as from drawn order by {order}")
    named = "(values ('early'), ('every')) as named (segment)"
    shop.execute(f"""create or replace table members as select distinct journey_id, segment from events, {named}
        where segment = 'every' or journey_id = 'ada-j'""")
    return LOG


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    def shown(row: dict[str, Any]) -> dict[str, Any]:
        kept = {
            name: row[name] for name in row if name in NUMBERS or name in GROUPS or "seconds" in name or "_km" in name
        }
        return {name: round(value, 6) if isinstance(value, float) else value for name, value in kept.items()}

    kept = [shown(row) for row in rows]
    return sorted(kept, key=lambda row: (row["segment"], row["breakdown_value"] or "", row["step_number"]))


@st.composite
def plain_funnels(draw: st.DrawFn) -> Funnel:
    """What the sorted pass answers: steps that no event makes twice, in order, customers counted."""
    names = draw(st.permutations("abcdx"))
    steps: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 4))):
        step: dict[str, Any] = {"event": names[number], "name": f"s{number + 1}"}
        if draw(st.integers(0, 4)) == 0:
            step["where"] = draw(st.sampled_from(sorted(CONDITIONS)))
        steps.append(step)
    if len(steps) < 4 and draw(st.booleans()):
        steps[-1]["event"] = [steps[-1]["event"], names[4]]
    begin, end = draw(st.sampled_from([(None, None), (3, None), (2, 9)]))
    entered = {key: BEGIN.replace(minute=at) for key, at in (("from", begin), ("to", end)) if at is not None}
    breakdown = draw(st.none() | st.builds(dict, by=st.just("device"), top=st.sampled_from([1, 10]),
                                           at=st.sampled_from(["first", "last", "s1", steps[-1]["name"]])))  # fmt: skip
    return Funnel.model_validate({
        "steps": steps, "window": draw(st.sampled_from(["unlimited", "1 minute", "3 minutes", "7 minutes"])),
        "attempt": draw(st.sampled_from(["best", "first"])), "entered": entered,
        **({"breakdown": breakdown} if breakdown else {}),
        **({"where": "size > 1"} if draw(st.integers(0, 5)) == 0 else {}),
        "as_of": BEGIN.replace(minute=draw(st.sampled_from([6, 12, 15, 17]))),
    })  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(plain_funnels(), st.integers(0, 10_000), st.integers(0, 60), st.booleans(), st.sampled_from([1, 2_000_000]))
def test_the_pass_gives_the_rows_of_the_compiled_select(
    shop: Warehouse, funnel: Funnel, seed: int, size: int, by_segment: bool, worth: int
) -> None:
    question = Question(funnel, filled(shop, seed, size), carried=("journey_id",) if by_segment else ())
    segments = "members" if by_segment else None
    assert Sorted().declines(question, shop) is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fast, "WORTH_SHARING", worth)
        found = Sorted().steps(question, shop, segments=segments)
    assert told(found) == told(Ansi().steps(question, shop, segments=segments))


def plain(**more: Any) -> Funnel:
    return Funnel.model_validate(
        {"steps": ["a", "b"], "window": "5 minutes", "as_of": BEGIN.replace(minute=30), **more}
    )


@pytest.mark.parametrize("order", ["event_at, customer_id", "customer_id, event_at desc", "customer_id desc, event_at"])
def test_a_table_that_is_not_sorted_is_left_to_the_compiled_select(shop: Warehouse, order: str) -> None:
    log = filled(shop, 1, 60, order)
    with pytest.raises(Declined, match="not sorted"):
        Sorted().steps(Question(plain(), log), shop)
    answered = planner.answer(plain(), log, shop)
    assert answered.path == "ANSI SQL"
    assert answered.declined == (("sorted pass", "the table is not sorted by customer and time"),)


def test_events_of_one_instant_out_of_their_ids_order_are_left_to_it_too(shop: Warehouse) -> None:
    log = filled(shop, 1, 60, "customer_id, event_at, event_id desc")
    with pytest.raises(Declined, match="not sorted"):
        Sorted().steps(Question(plain(), log), shop)


def test_an_event_that_makes_two_steps_is_left_to_it(shop: Warehouse) -> None:
    log = filled(shop, 1, 60)
    twice = plain(steps=["a", {"event": "*", "name": "any"}])
    with pytest.raises(Declined, match="makes two steps"):
        Sorted().steps(Question(twice, log), shop)
    same = plain(steps=["a", {"event": "a", "name": "again"}])
    with pytest.raises(Declined, match="makes two steps"):
        Sorted().steps(Question(same, log), shop)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"order": "strict"}, "order: strict"),
        ({"count": "sessions"}, "count: sessions"),
        ({"ties": "strictly_after"}, "ties: strictly after"),
        ({"exclude": [{"event": "x"}]}, "exclusions"),
        ({"hold": ["order_id"]}, "held properties"),
        ({"steps": ["a", {"event": "b", "within": "1 minute"}]}, "a step's own within"),
        ({"steps": ["a", {"event": "b", "optional": True}, "c"]}, "optional steps"),
        ({"steps": [{"event": "a", "first_time": "event"}, "b"]}, "first-time steps"),
    ],
)
def test_a_rule_that_it_does_not_know_is_declined_with_its_name(
    shop: Warehouse, rule: dict[str, Any], said: str
) -> None:
    log = filled(shop, 1, 40)
    assert Sorted().declines(Question(plain(**rule), log), shop) == f"it does not count with {said}"


def test_events_that_are_no_table_are_declined(shop: Warehouse) -> None:
    shop.execute("create or replace view seen as select 'ada' as customer_id")
    log = Log("seen", LOG.columns, ("event_id",))
    assert Sorted().declines(Question(plain(), log), shop) == "the events are not a table of the database"


def test_the_plain_question_takes_the_pass_and_says_so(shop: Warehouse) -> None:
    answered = planner.answer(plain(), filled(shop, 3, 60), shop)
    assert (answered.path, answered.declined) == ("sorted pass", ())
    assert answered.rows[1]["n"] > 0


def test_the_pass_looks_only_one_row_back(shop: Warehouse) -> None:
    plan = shop.rows("explain " + fast._pass(Question(plain(), filled(shop, 3, 60)), "true", needs_row=False))
    text = " ".join(str(value) for row in plan for value in row.values()).replace("_", " ").lower()
    assert "streaming window" in text
    assert text.count("window") == text.count("streaming window")
