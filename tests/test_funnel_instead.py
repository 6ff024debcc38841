"""What those did instead who were lost at a step: every one of them, once, and none who is still open."""

from __future__ import annotations

import datetime
import random
from typing import Any

import pandas as pd
import pytest

from journey_analytics import Funnel, stats
from journey_analytics.funnels import inputs, instead

BEGIN = datetime.datetime(2026, 3, 2)
SAID = "steps: [a, b, c]\nwindow: 3 days\nas_of: 2026-04-01\n"


def opened(*events: tuple[str, float, str], **columns: Any) -> inputs.Opened:
    """Events as (customer, hour, name)."""
    rows = [
        {"customer_id": who, "event_at": BEGIN + datetime.timedelta(hours=hour), "event_name": name, **columns}
        for who, hour, name in events
    ]
    return inputs.open_frame(pd.DataFrame(rows))


def told(yaml: str, log: inputs.Opened, step: int, **more: Any) -> dict[str, int]:
    return {row["touch"]: row["n"] for row in Funnel.from_yaml(yaml).instead(log, step, **more)}


def test_the_first_touch_after_the_last_step_counts_and_only_soon_enough() -> None:
    log = opened(
        ("ada", 0, "a"), ("ada", 1, "b"), ("ada", 2, "help"), ("ada", 3, "home"),    # help came first
        ("bob", 0, "a"), ("bob", 1, "b"), ("bob", 1, "home"), ("bob", 25, "help"),   # its very end
        ("cyd", 0, "a"), ("cyd", 1, "b"), ("cyd", 25.1, "help"),                     # too late
        ("dot", 0, "a"), ("dot", 1, "b"), ("dot", 2, "c"), ("dot", 3, "home"),       # not lost
        ("eve", 0, "a"), ("eve", 1, "home"),                                         # lost before b, not before c
        ("fay", 29 * 24, "a"), ("fay", 29 * 24 + 1, "b"), ("fay", 29 * 24 + 2, "home"),  # still open
    )  # fmt: skip
    rows = Funnel.from_yaml(SAID).instead(log, 3)
    assert list(rows[0]) == list(instead.COLUMNS)
    assert [(row["rank"], row["kind"], row["touch"], row["n"], row["n_lost"]) for row in rows] == [
        (1, "event", "help", 2, 3), (2, "nothing", "nothing", 1, 3),
    ]  # fmt: skip
    low, high = stats.wilson_interval([2], [3])
    assert (rows[0]["share"], rows[0]["low"], rows[0]["high"]) == (2 / 3, low[0], high[0])
    assert told(SAID, log, 3, within=3 * 3_600) == {"help": 1, "nothing": 2}
    assert told(SAID + "instead: 30 hours\n", log, 3) == {"help": 3}
    assert told(SAID, log, 2) == {"home": 1}


def test_the_step_made_again_is_not_what_came_instead() -> None:
    log = opened(("ada", 0, "a"), ("ada", 1, "b"), ("ada", 2, "b"), ("ada", 3, "a"))
    assert told(SAID, log, 3) == {"a": 1}


def test_an_optional_step_that_was_made_is_the_last_one() -> None:
    said = "steps: [a, {event: x, optional: true}, b]\nwindow: 3 days\nas_of: 2026-04-01\n"
    log = opened(("ada", 0, "a"), ("ada", 1, "home"), ("ada", 2, "x"), ("ada", 3, "help"))
    assert told(said, log, 3) == {"help": 1}


def test_who_was_lost_a_moment_ago_may_still_do_something() -> None:
    said = SAID + "exclude: [{event: out, between: [a, c]}]\n"
    log = opened(("ada", 30 * 24 - 2, "a"), ("ada", 30 * 24 - 1, "b"), ("ada", 30 * 24 - 1, "out"))
    assert told(said, log, 3) == {"too early": 1}


def test_a_touchpoint_goes_before_the_event_s_name() -> None:
    log = opened(("ada", 0, "a"), ("ada", 1, "b"), ("ada", 2, "clicked"), touchpoint="help_page")
    (row,) = Funnel.from_yaml(SAID).instead(log, 3)
    assert (row["kind"], row["touch"]) == ("touchpoint", "help_page")


@pytest.mark.parametrize("count", ["customers", "attempts"])
def test_the_rows_sum_to_all_who_were_lost_whatever_they_did(count: str) -> None:
    dice = random.Random(5)
    events = [
        (f"c{dice.randrange(200)}", dice.randrange(600), dice.choice("aaabbc" + "klmnopqrstuvw")) for _ in range(3000)
    ]
    log = opened(*events)
    asked = Funnel.from_yaml(f"{SAID}count: {count}\n")
    answer = {row["step_number"]: row for row in asked.answer(log).rows}
    for step in (2, 3):
        rows = asked.instead(log, step)
        lost = len(asked.customers(log, step, lost=True))
        assert sum(row["n"] for row in rows) == rows[0]["n_lost"] == lost == answer[step - 1]["n_lost"] > 20
        assert [row["kind"] for row in rows].count("event") == instead.SHOWN
        assert {"other", "nothing"} <= {row["kind"] for row in rows}
        assert sum(row["share"] for row in rows) == pytest.approx(1)
