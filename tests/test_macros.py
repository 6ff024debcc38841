"""The published file's own functions, called as an analyst does: from a DuckDB shell, with no Python of ours.

The shell is the oldest one in which the published file promises to open.
"""

from __future__ import annotations

import datetime
import itertools
import json
import random
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb
import pytest

from journey_analytics import stats
from journey_analytics.build import macros
from journey_analytics.errors import ConfigError
from journey_analytics.warehouse import STORAGE_VERSION, Warehouse

ROOT = Path(__file__).resolve().parents[1]
AS_OF = datetime.datetime(2026, 6, 1)
Event = tuple[str, datetime.datetime, str]


def shell() -> Path:
    """The DuckDB shell that stands in the environment."""
    (path,) = (file.locate() for file in metadata.files("duckdb-cli") or () if file.name in ("duckdb", "duckdb.exe"))
    return Path(str(path)).resolve()


class File:
    """A published file with these events and journeys, and nothing else but the macros."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = duckdb.connect()
        self.connection.execute(f"attach '{path}' as shop (storage_version '{STORAGE_VERSION}'); use shop")
        self.connection.execute("""
            create schema journeys; create schema rules;
            create table rules.settings (name varchar, value varchar);
            create table journeys.events (customer_id varchar, event_at timestamp, event_number bigint,
                event_name varchar, touchpoint varchar, stage varchar, is_bot boolean, is_internal boolean);
            create table journeys.journeys (journey_id varchar, path varchar[], is_open boolean, is_converted boolean);
            create table journeys.journey_segments (journey_id varchar, segment varchar);""")
        self.connection.execute("insert into rules.settings values ('as_of', $1)", [str(AS_OF)])
        macros.create(Warehouse(self.connection), macros.discover([ROOT / "sql"]))

    def events(self, *events: Event, **flags: Any) -> File:
        for number, (customer, at, name) in enumerate(sorted(events, key=lambda event: event[:2])):
            row = [customer, at, number, name, name, name, flags.get("is_bot", False), flags.get("is_internal", False)]
            self.connection.execute("insert into journeys.events values ($1, $2, $3, $4, $5, $6, $7, $8)", row)
        return self

    def journeys(self, *journeys: tuple[str, str]) -> File:
        """Journeys as ('abc', 'converted'): touchpoints a, b, c, and its status."""
        for number, (path, status) in enumerate(journeys):
            row = [f"j{number}", list(path), status == "open", status == "converted"]
            self.connection.execute("insert into journeys.journeys values ($1, $2, $3, $4)", row)
            self.connection.execute("insert into journeys.journey_segments values ($1, 'all')", [f"j{number}"])
        return self

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Close the file and ask the shell."""
        self.connection.close()
        command = [str(shell()), "-readonly", "-json", str(self.path), sql]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        rows: list[dict[str, Any]] = json.loads(done.stdout or "[]")
        return rows


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "journey.duckdb")


def at(day: float) -> datetime.datetime:
    return datetime.datetime(2026, 3, 1) + datetime.timedelta(days=day)


# --- funnel


def best_attempts(events: list[Event], steps: list[str], window: datetime.timedelta) -> list[int]:
    """How many customers reach each step, by trying every attempt: the slow way, one customer at a time."""

    def furthest(mine: list[Event]) -> int:
        found = 0
        for chosen in itertools.product(*([*mine, None] for _ in steps)):
            reached = 0
            for event, step in zip(chosen, steps, strict=True):
                if event is None or event[2] != step or (reached and not before(chosen[reached - 1], event)):
                    break
                reached += 1
            while reached and chosen[reached - 1][1] - chosen[0][1] > window:  # type: ignore[index]
                reached -= 1
            found = max(found, reached)
        return found

    def before(one: Event | None, other: Event) -> bool:
        return one is not None and one[1] <= other[1]

    reached = [
        furthest([event for event in events if event[0] == who]) for who in sorted({event[0] for event in events})
    ]
    return [sum(each >= number for each in reached) for number in range(1, len(steps) + 1)]


def test_the_funnel_counts_every_attempt_and_its_window_includes_its_end(file: File) -> None:
    file.events(
        ("ada", at(0), "viewed"), ("ada", at(10), "viewed"), ("ada", at(17), "paid"),   # the second attempt, at its end
        ("bob", at(0), "viewed"), ("bob", at(7.0001), "paid"),                          # too late
        ("cleo", at(0), "paid"), ("cleo", at(1), "viewed"),                             # the wrong way round
        ("dan", at(3), "paid"), ("dan", at(3), "viewed"),                               # at one instant
        ("eve", at(90), "viewed"),                                                      # still has time
    )  # fmt: skip
    rows = file.ask("from funnel(['viewed', 'paid'], interval 7 day)")
    assert [(row["step"], row["n"], row["n_open"]) for row in rows] == [("viewed", 5, 1), ("paid", 2, 0)]
    low, high = stats.wilson_interval([2], [5])
    assert (rows[1]["share_of_first"], rows[1]["low"], rows[1]["high"]) == pytest.approx((0.4, low[0], high[0]))


def test_the_funnel_agrees_with_trying_every_attempt(file: File) -> None:
    dice = random.Random(3)
    events = [
        (f"c{dice.randrange(40)}", at(dice.randrange(24) / 4), dice.choice("abcx")) for _ in range(200)
    ]  # fmt: skip
    file.events(*events)
    rows = file.ask("from funnel(['a', 'b', 'c'], interval 2 day)")
    wanted = best_attempts(list(events), list("abc"), datetime.timedelta(days=2))
    assert [row["n"] for row in rows] == wanted
    assert 0 < wanted[2] < wanted[1] < wanted[0], "a case that could tell the difference"


def test_bots_and_staff_are_in_no_macro(file: File) -> None:
    file.events(("ada", at(0), "viewed"), is_bot=True).events(("bob", at(0), "viewed"), is_internal=True)
    counted = "(from funnel(['viewed'], interval 1 day)), (from retention('viewed', 'viewed', days := 1))"
    assert file.ask(f"select n, n_started from {counted}") == []


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("funnel(['viewed', 'viewed'], interval 1 day)", "a step is named twice"),
        ("funnel(['viewed'], interval 1 day, steps_are := 'page')", "neither event_name nor touchpoint nor stage"),
        ("retention('viewed', 'viewed', cohort := 'year')", "neither all nor week nor month"),
    ],
)
def test_a_call_that_means_nothing_is_told_so(file: File, call: str, said: str) -> None:
    file.events(("ada", at(0), "viewed"))
    with pytest.raises(RuntimeError, match=said):
        file.ask(f"from {call}")


# --- ways through the touchpoints


WAYS = (
    ("abc", "converted"),
    ("abd", "lapsed"),
    ("ab", "open"),
    ("xa", "lapsed"),
    ("abc", "converted"),
    ("q", "lapsed"),
)


def test_ways_from_an_anchor_end_in_exit_or_open_and_sum_to_all_who_came_there(file: File) -> None:
    rows = file.journeys(*WAYS).ask("from paths(starting_at := 'a', steps := 2, top := 2)")
    assert [(row["path"], row["n_journeys"]) for row in rows] == [("a > b > ...", 3), ("a > b > open", 1), ("other", 1)]
    assert [row["coverage"] for row in rows] == pytest.approx([0.6, 0.8, 1.0])
    assert [(row["n_closed"], row["n_converted"], row["converted_share"]) for row in rows][:2] == [
        (3, 2, 2 / 3),
        (0, 0, None),
    ]


def test_ways_to_an_anchor_and_between_two(file: File) -> None:
    file.journeys(*WAYS)
    sql = "select list(path || ' ' || n_journeys order by rank) as said from "
    both = f"{sql} paths(ending_at := 'b'); {sql} paths(starting_at := 'a', ending_at := 'c')"
    file.connection.close()
    command = [str(shell()), "-readonly", "-json", str(file.path), both]
    done = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "start > a > b 4" in done
    assert "a > b > c > exit 2" in done


def test_each_step_of_a_flow_holds_every_journey_that_came_to_the_anchor(file: File) -> None:
    rows = file.journeys(*WAYS).ask("from flows('a', steps := 3, top := 1)")
    sums = {step: sum(row["n_journeys"] for row in rows if row["step_number"] == step) for step in (1, 2, 3)}
    assert sums == {1: 5, 2: 5, 3: 5}
    second = {
        (row["from_touchpoint"], row["to_touchpoint"]): row["n_journeys"] for row in rows if row["step_number"] == 2
    }
    assert second == {("b", "c"): 2, ("b", "other"): 1, ("b", "open"): 1, ("exit", "exit"): 1}


def test_a_flow_goes_backwards_to_the_start(file: File) -> None:
    rows = file.journeys(*WAYS).ask("from flows('b', steps := 2, backwards := true)")
    assert [(row["from_touchpoint"], row["to_touchpoint"], row["n_journeys"]) for row in rows] == [
        ("b", "a", 4),
        ("a", "start", 4),
    ]


def test_paths_and_funnel_give_one_number_for_one_question(tmp_path: Path) -> None:
    # Whoever comes to a and later to c: the ways between the two, and the funnel over the same touches.
    dice = random.Random(9)
    ways = [
        ("".join(letter for letter, _ in itertools.groupby(dice.choices("abcd", k=6))), "lapsed") for _ in range(60)
    ]
    first, second = File(tmp_path / "paths.duckdb"), File(tmp_path / "funnel.duckdb")
    paths = first.journeys(*ways).ask("select sum(n_journeys) as n from paths(starting_at := 'a', ending_at := 'c')")
    for number, (way, _) in enumerate(ways):
        second.events(*((f"c{number}", at(place / 24), name) for place, name in enumerate(way)))
    funnel = second.ask("select n from funnel(['a', 'c'], interval 7 day) where step_number = 2")
    assert paths[0]["n"] == funnel[0]["n"] > 5


# --- retention


def test_returns_are_counted_of_those_whose_day_is_over(file: File) -> None:
    file.events(
        ("ada", at(0), "bought"), ("ada", at(1.5), "bought"), ("ada", at(3), "bought"),
        ("bob", at(0), "bought"),
        ("cleo", at(90.5), "bought"), ("cleo", at(91.6), "bought"),   # as_of is day 92: only day 0 is over
    )  # fmt: skip
    rows = file.ask("from retention('bought', 'bought', days := 3)")
    assert [(row["n_started"], row["n_matured"], row["n_on"], row["n_on_or_after"]) for row in rows] == [
        (3, 3, 0, 2), (3, 2, 1, 1), (3, 2, 0, 1), (3, 2, 1, 1),
    ]  # fmt: skip
    assert rows[1]["on_share"] == 0.5


def test_every_start_counts_where_it_need_not_be_the_first(file: File) -> None:
    file.events(("ada", at(0), "bought"), ("ada", at(1), "bought"), ("ada", at(2), "bought"))
    rows = file.ask("select n_started, n_on from retention('bought', 'bought', days := 1, first_time := false)")
    assert [(row["n_started"], row["n_on"]) for row in rows] == [(3, 0), (3, 2)]


def test_a_cohort_is_the_week_of_the_start(file: File) -> None:
    file.events(("ada", at(0), "bought"), ("bob", at(1), "bought"), ("cleo", at(9), "bought"))
    rows = file.ask("select cohort_on, n_started from retention('bought', 'bought', days := 0, cohort := 'week')")
    assert rows == [{"cohort_on": day, "n_started": 1} for day in ("2026-02-23", "2026-03-02", "2026-03-09")]


# --- the files


@pytest.mark.parametrize("good", [0, 1, 5, 10])
def test_the_shell_s_interval_is_the_report_s(file: File, good: int) -> None:
    rows = file.ask(f"select wilson_low({good}, 10) as low, wilson_high({good}, 10) as high, wilson_low(0, 0) as no")
    low, high = stats.wilson_interval([good], [10])
    assert (rows[0]["low"], rows[0]["high"]) == pytest.approx((low[0], high[0]), abs=1e-12)
    assert rows[0]["no"] is None


def test_a_macro_says_in_the_database_how_it_is_called(file: File) -> None:
    rows = file.ask("select function_name as name, comment as said from duckdb_functions() where not internal")
    said = {row["name"]: row["said"] for row in rows}
    assert set(said) == {macro.name for macro in macros.discover([ROOT / "sql"])}
    assert all(f"{name}(" in text for name, text in said.items())


def test_a_file_that_creates_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "macros").mkdir()
    (tmp_path / "macros" / "mine.sql").write_text("-- Mine.\ncreate or replace macro yours(a) as a\n")
    with pytest.raises(ConfigError, match="creates no macro of its name"):
        macros.discover([tmp_path])
