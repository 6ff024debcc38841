"""Time in a funnel: how many get there in the end, how long it takes, week by week, and one period beside another."""

from __future__ import annotations

import csv
import datetime
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journey_analytics import Funnel, stats
from journey_analytics.cli.main import main
from journey_analytics.errors import ConfigError
from journey_analytics.funnels import comparing, inputs, times, weeks
from journey_analytics.survival import share_arrived, share_by

DAY = datetime.timedelta(days=1)
BEGIN = datetime.datetime(2026, 3, 2)  # a Monday


def log(*events: tuple[str, float, str], **columns: Any) -> inputs.Opened:
    """Events as (customer, day, name)."""
    frame = pd.DataFrame(
        [
            {"customer_id": who, "event_at": BEGIN + day * DAY, "event_name": name, **columns}
            for who, day, name in events
        ]
    )
    return inputs.open_frame(frame)


def steps(yaml: str, opened: inputs.Opened) -> list[dict[str, Any]]:
    return [row for row in Funnel.from_yaml(yaml).answer(opened).rows if row["breakdown_value"] is None]


# --- in the end: Kaplan-Meier


def test_who_is_open_counts_as_watched_so_far() -> None:
    # Window 10 days, known up to day 20. Ada paid after 2 days, bob after 8, cyd never (day 0: lost), dot began on day
    # 15 and has been watched for 5 days, eve began on day 0 and again on day 17: watched for 3 days.
    # Day 2: 1 of 5. Eve leaves at 3, dot at 5. Day 8: 1 of 2. 1 - 4/5 * 1/2 = 0.6.
    events = [("ada", 0, "a"), ("ada", 2, "b"), ("bob", 0, "a"), ("bob", 8, "b"), ("cyd", 0, "a"), ("dot", 15, "a"),
              ("eve", 0, "a"), ("eve", 17, "a")]  # fmt: skip
    for more in ("", "exclude: [never]\n"):
        row = steps(f"steps: [a, b]\nwindow: 10 days\nas_of: 2026-03-22\n{more}", log(*events))[1]
        assert row["share_of_first"] == 0.4
        assert row["share_km"] == pytest.approx(0.6)
        spread = 1 / (5 * 4) + 1 / (2 * 1)
        low, high = stats.wilson_interval(0.6 * (size := 0.6 / (0.4 * spread)), size)
        assert (row["km_low"], row["km_high"]) == pytest.approx((low[0], high[0]))


def test_where_nobody_is_open_it_is_the_plain_share_with_its_bounds() -> None:
    events = [("ada", 0, "a"), ("ada", 2, "b"), ("bob", 0, "a"), ("cyd", 1, "a")]
    first, last = steps("steps: [a, b]\nwindow: 10 days\nas_of: 2026-04-01\n", log(*events))
    assert (last["share_km"], last["km_low"], last["km_high"]) == (1 / 3, last["low"], last["high"])
    assert (first["share_km"], first["km_low"]) == (1, first["low"])


def test_it_cannot_be_said_where_nobody_was_watched_for_a_whole_window() -> None:
    events = [("ada", 0, "a"), ("ada", 2, "b"), ("bob", 1, "a")]
    row = steps("steps: [a, b]\nwindow: 10 days\nas_of: 2026-03-06\n", log(*events))[1]
    assert (row["share_km"], row["km_low"], row["km_high"]) == (None, None, None)
    endless = steps("steps: [a, b]\nwindow: unlimited\nas_of: 2026-03-06\n", log(*events))[1]
    assert endless["share_km"] is None


def test_who_has_passed_an_optional_step_by_is_not_open_for_it() -> None:
    # Day 20 is known. Ada is at b and open for c: she can no longer make x between a and b. Bob is open before b.
    events = [("ada", 15, "a"), ("ada", 16, "b"), ("bob", 18, "a"), ("cyd", 0, "a"), ("cyd", 1, "x"), ("cyd", 2, "b")]
    said = "steps: [a, {event: x, optional: true}, b, c]\nwindow: 10 days\nas_of: 2026-03-22\n"
    # x: cyd made it after 1 day, of 3; ada never will; bob leaves after 2 days.
    assert steps(said, log(*events))[1]["share_km"] == pytest.approx(1 / 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40), st.integers(1, 20))
def test_one_time_is_the_same_share_as_among_many(watched: list[tuple[int, bool]], at: int) -> None:
    time, arrived = zip(*watched, strict=True)
    found, wanted = share_by(time, arrived, at), share_arrived(time, arrived, [at])
    assert found.share == pytest.approx(float(wanted.share[0]), nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60))
def test_where_nobody_is_lost_sight_of_the_bounds_are_those_of_a_plain_share(told: list[tuple[int, bool]]) -> None:
    whose, arrived = (np.array(each) for each in zip(*told, strict=True))
    time = np.where(arrived, 1 + whose, 10)
    alone = share_by(time, arrived, 10)
    assert alone.size == pytest.approx(len(told))
    together = share_by(time, arrived, 10, clusters=whose)
    _, place = np.unique(whose, return_inverse=True)
    t, s = np.bincount(place), np.bincount(place, weights=arrived)
    low, high = stats.clustered_share_interval(
        arrived.sum(), len(told), len(t), successes_squared=(s**2).sum(), products=(s * t).sum(),
        trials_squared=(t**2).sum(),
    )  # fmt: skip
    mine = stats.wilson_interval(together.share * together.size, together.size)
    assert (mine[0][0], mine[1][0]) == pytest.approx((low[0], high[0]), abs=1e-9)


def test_the_bounds_hold_the_truth_about_as_often_as_they_say() -> None:
    draw = np.random.default_rng(4)
    held = {"alone": 0, "together": 0}
    for _ in range(400):
        n, truth = 80, 0.3
        whose = np.repeat(np.arange(n // 4), 4)
        for kind, luck in (("alone", draw.random(n)), ("together", np.repeat(draw.random(n // 4), 4))):
            comes = luck < truth
            at = np.where(comes, 10 * luck / truth, np.inf)
            until = np.minimum(draw.uniform(2, 20, n), 10)
            seen = share_by(np.minimum(at, until), at <= until, 10, clusters=whose if kind == "together" else None)
            low, high = stats.wilson_interval(seen.share * seen.size, seen.size)
            held[kind] += bool(low[0] <= truth <= high[0])
    assert all(0.91 <= times_held / 400 <= 0.985 for times_held in held.values()), held


# --- from step to step


def test_a_step_s_times_stand_in_buckets_that_sum_to_all_who_made_it() -> None:
    events = [("ada", 0, "a"), ("ada", 0.5, "b"), ("bob", 0, "a"), ("bob", 2, "b"), ("cyd", 0, "a"), ("cyd", 1, "b"),
              ("dot", 0, "a")]  # fmt: skip
    rows = Funnel.from_yaml("steps: [a, b]\nwindow: 3 days\nas_of: 2026-04-01\n").times(log(*events))
    assert list(rows[0]) == list(times.COLUMNS)
    filled = {row["bucket"]: (row["n"], row["n_made"], row["share"]) for row in rows if row["n"]}
    assert filled == {"6 to 24 hours": (1, 3, 1 / 3), "1 to 3 days": (2, 3, 2 / 3)}, (
        "a day belongs to what begins there"
    )
    assert rows[-1]["bucket"] == "3 to 7 days", "no bucket lies beyond the window, whose end is inside"
    assert sum(row["n"] for row in rows) == 3
    last = rows[-2]
    assert [last[f"p{share}_seconds"] / 86_400 for share in (10, 50, 90)] == pytest.approx([0.6, 1.0, 1.8])
    low, high = stats.wilson_interval([2], [3])
    assert (last["low"], last["high"]) == (low[0], high[0])


def test_attempts_of_one_customer_say_less_than_those_of_many() -> None:
    events = [("ada", 3 * turn + day, name) for turn in range(20) for day, name in ((0, "a"), (0.01, "b"))]
    many = [(f"c{number // 2}", day, name) for number, (_, day, name) in enumerate(events)]
    said = "{steps: [a, b], window: 1 day, count: attempts, as_of: 2026-06-01}"
    found = [
        next(
            row
            for row in Funnel.from_yaml(said).times(log(*each, ("eve", 0, "a"), ("eve", 0.5, "b")))
            if row["n"] == 20
        )
        for each in (events, many)
    ]
    assert found[0]["n_made"] == found[1]["n_made"] == 21
    assert found[0]["low"] < found[1]["low"] - 0.2


# --- by week


def test_a_week_is_judged_by_those_whose_time_is_over() -> None:
    # Known up to Wednesday of the third week; the window is 7 days: the first week is over, half of the second.
    events = [("ada", 0, "a"), ("ada", 1, "b"), ("bob", 6.9, "a"), ("cyd", 8, "a"), ("cyd", 9, "b"), ("dot", 10, "a"),
              ("dot", 11, "b"), ("eve", 15, "a")]  # fmt: skip
    rows = Funnel.from_yaml("steps: [a, b]\nwindow: 7 days\nas_of: 2026-03-18\n").weeks(log(*events))
    assert list(rows[0]) == list(weeks.COLUMNS)
    told = [
        (row["week_on"].day, row["n_entered"], row["n_matured"], row["n_converted"], row["is_mature"]) for row in rows
    ]
    assert told == [(2, 2, 2, 1, True), (9, 2, 1, 1, False), (16, 1, 0, 0, False)]
    assert [row["share_of_matured"] for row in rows] == [0.5, 1.0, None]
    low, high = stats.wilson_interval([1], [2])
    assert (rows[0]["low"], rows[0]["high"]) == (low[0], high[0])


def test_without_a_window_no_week_is_ever_mature() -> None:
    rows = Funnel.from_yaml("steps: [a, b]\nwindow: unlimited\n").weeks(log(("ada", 0, "a"), ("ada", 1, "b")))
    assert [(row["n_entered"], row["n_matured"], row["is_mature"]) for row in rows] == [(1, 0, False)]


# --- one beside another


def test_a_period_ends_where_everyone_s_time_is_over_and_the_one_before_has_the_same_days_of_the_week() -> None:
    definition = Funnel.from_yaml("steps: [a, b]\nwindow: 3 days\nas_of: 2026-04-10T15:00:00\n").definition
    now, before = comparing.periods(definition, 10 * 86_400)
    assert (str(now.from_), str(now.to)) == ("2026-03-28 00:00:00", "2026-04-07 00:00:00")
    assert (str(before.from_), str(before.to)) == ("2026-03-14 00:00:00", "2026-03-24 00:00:00"), "two weeks before"
    said = definition.model_copy(update={"entered": definition.entered.model_copy(update={"to": BEGIN})})
    assert comparing.periods(said, 7 * 86_400)[0].to == BEGIN


def test_two_periods_are_compared_with_the_difference_s_bounds() -> None:
    day = {"now": 7, "before": 0}
    made = {"now": 30, "before": 60}
    events = [
        (f"{which}{number}", day[which] + step, name)
        for which in day for number in range(100) for step, name in ((0, "a"), (1, "b"))
        if name == "a" or number < made[which]
    ]  # fmt: skip
    asked = Funnel.from_yaml("steps: [a, b]\nwindow: 2 days\nas_of: 2026-03-18\n")
    (row,) = asked.compared_with_previous(log(*events), 7 * 86_400)
    assert list(row) == list(comparing.COLUMNS)
    assert (row["these"], row["those"]) == ("2026-03-09 to 2026-03-15", "2026-03-02 to 2026-03-08")
    assert (row["n"], row["n_first"], row["those_n"], row["those_n_first"]) == (30, 100, 60, 100)
    low, high = stats.newcombe_difference([30], [100], [60], [100])
    told = (row["difference"], row["difference_low"], row["difference_high"])
    assert told == pytest.approx((-0.3, low[0], high[0]))
    assert row["verdict"] == "lower"


def test_a_difference_whose_bounds_hold_nothing_cannot_be_told() -> None:
    events = [("ada", 0, "a"), ("ada", 1, "b"), ("bob", 7, "a")]
    asked = Funnel.from_yaml("steps: [a, b]\nwindow: 2 days\nas_of: 2026-03-18\n")
    assert [row["verdict"] for row in asked.compared_with_previous(log(*events), 7 * 86_400)] == ["cannot tell"]
    nobody = asked.compared_with_previous(log(("ada", 0, "a"), ("ada", 1, "b")), 7 * 86_400)[0]
    assert (nobody["n_first"], nobody["difference"], nobody["verdict"]) == (0, None, "cannot tell")


def test_periods_without_a_window_are_refused() -> None:
    with pytest.raises(ConfigError, match="without a window"):
        Funnel.from_yaml("steps: [a, b]\nwindow: unlimited\n").compared_with_previous(log(("ada", 0, "a")))


def test_every_group_is_compared_with_the_largest() -> None:
    frame = pd.DataFrame(
        {"customer_id": f"{device}{number}", "event_at": BEGIN + at * DAY, "event_name": name, "device": device}
        for device, n, made in (("phone", 40, 10), ("desk", 30, 25), (None, 90, 5)) for number in range(n)
        for at, name in ((0, "a"), (1, "b")) if name == "a" or number < made
    )  # fmt: skip
    asked = Funnel.from_yaml("steps: [a, b]\nwindow: 2 days\nas_of: 2026-04-01\nbreakdown: {by: device}\n")
    rows = {row["these"]: row for row in asked.compared_groups(inputs.open_frame(frame))}
    assert {row["those"] for row in rows.values()} == {"phone"}, "those without a value are no group to measure by"
    assert set(rows) == {"desk", "(none)"}
    low, high = stats.newcombe_difference([25], [30], [10], [40])
    assert (rows["desk"]["difference_low"], rows["desk"]["difference_high"]) == pytest.approx((low[0], high[0]))
    assert rows["desk"]["verdict"] == "higher"
    with pytest.raises(ConfigError, match="no breakdown"):
        Funnel.from_yaml("steps: [a, b]").compared_groups(log(("ada", 0, "a")))


def test_a_segment_is_compared_with_everyone_who_is_not_in_it() -> None:
    funnel = Funnel.from_yaml("steps: [a, b]").definition
    rows = [
        {"segment": segment, "breakdown_value": None, "step_number": place + 1, "step": "ab"[place], "n": n}
        for segment, counts in (("all", (100, 40)), ("new", (60, 30))) for place, n in enumerate(counts)
    ]  # fmt: skip
    (row,) = comparing.of_segments(funnel, rows)
    assert (row["these"], row["n"], row["n_first"]) == ("new", 30, 60)
    assert (row["those"], row["those_n"], row["those_n_first"]) == ("everyone else", 10, 40)
    low, high = stats.newcombe_difference([30], [60], [10], [40])
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((low[0], high[0]))
    assert row["verdict"] == "higher"
    assert list(comparing.of_segments(funnel.model_copy(update={"count": "attempts"}), rows)) == []


# --- on the command line


@pytest.fixture
def files(tmp_path: Any) -> list[str]:
    events = "customer_id,event_at,event_name,device\n" + "".join(
        f"c{number},2026-03-{1 + number:02},a,{'phone' if number % 2 else 'desk'}\n"
        + (f"c{number},2026-03-{2 + number:02},b,phone\n" if number % 3 else "")
        for number in range(24)
    )
    (tmp_path / "events.csv").write_text(events, encoding="utf-8")
    text = "funnel: two\nsteps: [a, b]\nwindow: 2 days\nbreakdown: {by: device}\n"
    (tmp_path / "two.yml").write_text(text, encoding="utf-8")
    return [str(tmp_path / "two.yml"), "--events", str(tmp_path / "events.csv")]


def funnel(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["funnel", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        (["--times"], "times", "1 to 3 days"),
        (["--weeks"], "weeks", "not everyone's time is over"),
        (["--compare-previous", "7d"], "comparisons", "cannot tell"),
        (["--compare-groups"], "comparisons", "desk"),
        (["--instead", "2", "--within", "1h"], "instead", "nothing"),
    ],
)
def test_each_option_prints_a_table_json_and_csv(
    files: list[str], options: list[str], key: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert funnel(*files, *options) == 0
    assert said in capsys.readouterr().out
    assert funnel(*files, *options, "--format", "json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["funnel"] == "two"
    assert told["rules"]["instead"] == "1 day"
    assert funnel(*files, *options, "--format", "csv") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert len(rows) == len(told[key]) > 0
    assert list(rows[0]) == list(told[key][0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--times", "--weeks"], "--times and --weeks ask for two lists"),
        (["--compare-previous", "soon"], "'soon' is not a duration"),
        (["--times", "--within", "1h"], "with --instead K"),
        (["--within", "1h"], "with --instead K"),
        (["--instead", "1"], "nobody can be lost before step 1"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    files: list[str], options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert funnel(*files, *options) == 10
    assert said in capsys.readouterr().err
