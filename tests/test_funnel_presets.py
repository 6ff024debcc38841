"""Presets: what another tool takes for granted, and rule by rule why its number is not ours."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_funnel_cases import event
from test_funnel_compiler import LOG, SCHEMA, events_of, minute

from journey_analytics.cli.main import main
from journey_analytics.errors import ConfigError, ConfigErrors
from journey_analytics.facts.funnels import Funnel
from journey_analytics.facts.presets import PRESETS, RULES
from journey_analytics.funnels import notebook, planner, waterfall
from journey_analytics.funnels.waterfall import Switched
from journey_analytics.warehouse import Warehouse, in_memory

LINES = [
    "ada 09:00 viewed", "ada 09:05 cart", "ada 10:00 paid",
    "bob 09:00 viewed", "bob 10 09:00 cart",  # nine days later
    "cyd 09:00:01 viewed", "cyd 09:00:00 cart",  # a second before
    "dot 09:00 viewed", "dot 09:01 left", "dot 09:02 cart",
    "eve 09:00 viewed", "eve 10 09:00 viewed", "eve 10 09:10 cart", "eve 14 09:00 paid",
]  # fmt: skip
MONTH = {"steps": ["viewed", "cart", "paid"], "window": "30 days", "exclude": ["left"], "as_of": "2026-01-31"}


@pytest.fixture(scope="module")
def shop() -> Warehouse:
    return in_memory()


def compared(shop: Warehouse, preset: str, definition: dict[str, Any] = MONTH, keep: Any = ()) -> list[Switched]:
    events = [event(line, number) for number, line in enumerate(LINES)]
    with shop.offered("events", pa.Table.from_pylist(events, schema=SCHEMA)):
        return list(waterfall.switched(Funnel.model_validate(definition), preset, LOG, shop, keep=keep))


def told(steps: list[Switched]) -> list[tuple[str, list[int], str]]:
    return [(", ".join(each.rules) or "ours", [row["n"] for row in each.rows], each.effect) for each in steps]


# --- the definition


def test_what_came_from_the_preset_is_told_apart_from_what_was_written() -> None:
    funnel = Funnel.model_validate(
        {
            "preset": "mixpanel",
            "steps": ["a", "b"],
            "window": "3 days",
            "exclude": ["x", {"event": "y", "then": "drop"}],
        }
    )
    rules = funnel.rules()
    assert (rules["preset"], rules["window"], rules["attempt"]) == ("mixpanel", "3 days", "first")
    assert rules["ties"] == {"any_order_within": "2 seconds"}
    assert rules["from_preset"] == ["range", "count", "order", "attempt", "ties", "exclude.then"]
    said = notebook.Funnel(funnel).rules
    assert said[0] == "What was not written is as Mixpanel has it: range, count, order, attempt, ties, exclude.then."


def test_without_a_preset_every_rule_is_as_it_was() -> None:
    rules = Funnel.model_validate({"steps": ["a", "b"]}).rules()
    assert (rules["preset"], rules["from_preset"]) == (None, [])
    assert (rules["range"], rules["ties"], rules["attempt"], rules["window"]) == ("entry", "listed", "best", "14 days")


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_sets_switches_that_there_are(preset: str) -> None:
    assert set(PRESETS[preset].sets) <= set(RULES)
    funnel = Funnel.model_validate({"preset": preset, "steps": ["a", "b"], "exclude": ["x"]})
    assert set(funnel.from_preset) == {
        {"then": "exclude.then"}.get(key, key) for key in PRESETS[preset].sets if key != "within"
    }


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("preset: posthg\nsteps: [a]", "funnel.yml:1: preset: 'posthg' is no preset; did you mean 'posthog'?"),
        ("steps: [a, b]\nties: lsted", "funnel.yml:2: ties: 'lsted' is no rule for ties; did you mean 'listed'?"),
        ("steps: [a, b]\nties: {any_order_withn: 2 seconds}", "did you mean 'any_order_within'?"),
        ("steps: [a, b]\nties: {}", "needs exactly one of any_order_within and rounded_to"),
        ("steps: [a, b]\nties: {rounded_to: 2 seconds}", "allowed is 1 second, 1 minute or 1 hour"),
        ("steps: [a, b]\nrange: all", "range"),
        ("preset: mixpanel\nsteps: [a, b]\nexclude: [{event: x, then: remove}]", "say `then: drop`, or `ties: listed`"),
        ("preset: mixpanel\nsteps: [{event: a, name: once}, {event: a, name: again}]", "could never be made"),
    ],
)
def test_what_a_preset_or_a_tolerance_cannot_be_is_refused_with_its_line(yaml: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        notebook.Funnel.from_yaml(yaml)
    assert said in str(refused.value)


# --- the waterfall


def test_a_person_can_follow_every_switch_of_the_waterfall(shop: Warehouse) -> None:
    assert told(compared(shop, "mixpanel")) == [
        ("ours", [5, 3, 2], ""),  # ada, bob, eve have it in the cart; cyd put it there too early, dot left
        ("range", [5, 3, 2], "already so"),
        ("count", [5, 3, 2], "already so"),
        ("order", [5, 3, 2], "already so"),
        ("window", [5, 2, 2], ""),  # bob's nine days are too long
        ("within", [5, 2, 2], "already so"),
        ("attempt", [5, 1, 1], ""),  # eve's second view begins nothing
        ("then", [5, 1, 1], "already so"),
        ("ties", [5, 2, 1], ""),  # cyd's cart was a second early
    ]


def test_a_rule_that_changes_nothing_is_shown_as_such(shop: Warehouse) -> None:
    found = told(compared(shop, "posthog"))
    assert found[1] == ("range", [5, 3, 2], "changes nothing")
    assert ("then", [4, 3, 2], "") in found
    assert found[-1] == ("ties", [4, 3, 2], "already so")


def test_a_rule_that_is_kept_is_not_switched(shop: Warehouse) -> None:
    kept = compared(shop, "mixpanel", keep=("window", "ties"))
    assert told(kept)[-2:] == [("attempt", [5, 3, 2], "changes nothing"), ("then", [5, 3, 2], "already so")]
    assert not any({"window", "ties"} & set(each.rules) for each in kept)
    with pytest.raises(ConfigError, match="no rule that can be kept"):
        compared(shop, "mixpanel", keep=("windows",))


def test_rules_that_can_only_change_together_are_one_row(shop: Warehouse) -> None:
    found = compared(shop, "posthog", {**MONTH, "preset": "mixpanel"})
    assert found[-1].rules == ("then", "ties")
    assert (found[-1].was, found[-1].becomes) == ("drop; any order within 2 seconds", "remove; listed")


def test_a_funnel_that_the_tool_cannot_count_says_which_rule_to_keep(shop: Warehouse) -> None:
    twice = {"steps": ["viewed", {"event": "viewed", "name": "again"}]}
    with pytest.raises(ConfigError, match="could never be made") as refused:
        compared(shop, "mixpanel", twice)
    assert "--keep ties" in str(refused.value)
    assert [row["n"] for row in compared(shop, "mixpanel", twice, keep=("ties",))[-1].rows] == [5, 0]


OURS = st.fixed_dictionaries(
    {
        "window": st.sampled_from(["2 minutes", "7 minutes", "unlimited"]),
        "attempt": st.sampled_from(["best", "first"]),
        "order": st.sampled_from(["ordered", "strict"]),
        "count": st.sampled_from(["customers", "sessions", "attempts"]),
        "ties": st.sampled_from(["listed", "strictly_after", {"rounded_to": "1 minute"}]),
        "range": st.sampled_from(["entry", "whole"]),
        "then": st.sampled_from([["x"], [{"event": "x", "then": "remove"}], []]),
        "within": st.sampled_from([{}, {"within": "2 minutes"}]),
    }
)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(OURS, st.sampled_from(sorted(PRESETS)), st.integers(0, 2**32))
def test_the_waterfall_ends_at_the_number_of_the_preset_and_its_differences_add_up(
    shop: Warehouse, ours: dict[str, Any], preset: str, seed: int
) -> None:
    fixed = {"entered": {"from": minute(2), "to": minute(10)}, "as_of": minute(16)}
    steps = ["a", {"event": "b", **ours["within"]}, "c"]
    switches = {key: value for key, value in ours.items() if key not in ("then", "within")}
    definition = {**fixed, **switches, "steps": steps, "exclude": ours["then"]}
    sets = PRESETS[preset].sets
    theirs = {key: value for key, value in definition.items() if key not in sets} | {"preset": preset}
    theirs |= {"steps": ["a", "b", "c"]} if "within" in sets else {}
    theirs |= {"exclude": ["x"] if ours["then"] else []} if "then" in sets else {}
    with shop.offered("events", pa.Table.from_pylist(events_of(seed, 36), schema=SCHEMA)):
        found = list(waterfall.switched(Funnel.model_validate(definition), preset, LOG, shop))
        alone = [planner.answer(Funnel.model_validate(each), LOG, shop).rows for each in (definition, theirs)]
    ends = [found[-1].funnel, Funnel.model_validate(theirs)]
    assert len({waterfall._settings(each, list(RULES)) for each in ends}) == 1
    numbers = [[row["n"] for row in rows] for rows in (found[0].rows, found[-1].rows)]
    assert numbers == [[row["n"] for row in rows] for rows in alone]
    changed = [sum(column) for column in zip(*(each.differences for each in found), strict=True)]
    assert changed == [after - before for before, after in zip(*numbers, strict=True)]
    assert [rule for each in found for rule in each.rules] == [rule for rule in RULES if rule in sets]


# --- what is printed


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    events = [event(line, number) for number, line in enumerate(LINES)]
    lines = [f"{each['customer_id']},{each['event_at'].isoformat()},{each['event_name']}" for each in events]
    (tmp_path / "log.csv").write_text("\n".join(["customer_id,event_at,event_name", *lines]), encoding="utf-8")
    definition = "funnel: month\nsteps: [viewed, cart, paid]\nwindow: 30 days\nexclude: [left]\nas_of: 2026-01-31\n"
    (tmp_path / "month.yml").write_text(definition, encoding="utf-8")
    return ["funnel", str(tmp_path / "month.yml"), "--events", str(tmp_path / "log.csv")]


def printed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_the_table_says_rule_by_rule_what_changed_and_what_no_switch_says(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = printed([*files, "--compare", "mixpanel"], capsys)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert lines[0] == "rule setting 1. viewed 2. cart 3. paid effect"
    assert lines[1] == "ours 5 (100.0 %) 3 (60.0 %) 2 (40.0 %)"
    assert "window 30 days -> 7 days 5 (100.0 %) 2 -1 (40.0 %) 2 (40.0 %)" in lines
    assert "ties listed -> any order within 2 seconds 5 (100.0 %) 2 +1 (40.0 %) 1 (20.0 %)" in lines
    assert "Mixpanel 5 (100.0 %) 2 -1 (40.0 %) 1 -1 (20.0 %)" in lines
    assert "- a window counted in sessions" in lines


def test_steps_in_any_order_stand_in_the_columns_of_the_tools_steps(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(files[1])
    path.write_text(path.read_text(encoding="utf-8") + "order: any\n", encoding="utf-8")
    lines = [" ".join(line.split()) for line in printed([*files, "--compare", "mixpanel"], capsys)[1].splitlines()]
    assert lines[0] == "rule setting 1. viewed 2. cart 3. paid effect"
    assert lines[1] == "ours 5 (100.0 %) 4 (80.0 %) 2 (40.0 %)"
    assert "order any -> ordered 5 (100.0 %) 3 -1 (60.0 %) 2 (40.0 %)" in lines


def test_json_and_csv_hold_the_same_waterfall(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = json.loads(printed([*files, "--compare", "mixpanel", "--format", "json"], capsys)[1])
    rows = list(csv.DictReader(io.StringIO(printed([*files, "--compare", "mixpanel", "--format", "csv"], capsys)[1])))
    assert said["compared_with"] == "mixpanel"
    assert said["rules"]["window"] == "30 days"
    assert said["rules_compared_with"]["window"] == "7 days"
    window = next(each for each in said["waterfall"] if each["rules"] == ["window"])
    assert (window["was"], window["becomes"], window["effect"]) == ("30 days", "7 days", None)
    assert [(step["n"], step["n_difference"]) for step in window["steps"]] == [(5, 0), (2, -1), (2, 0)]
    flat = [int(row["n"]) for row in rows if row["rule"] == "window"]
    assert flat == [step["n"] for step in window["steps"]]
    assert [int(row["n_difference"]) for row in rows if row["rule"] == "Mixpanel"] == [0, -1, -1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--compare", "posthg"], "--compare: 'posthg' is no preset; did you mean 'posthog'?"),
        (["--compare", "posthog", "--keep", "windows"], "'windows' is no rule that can be kept"),
        (["--keep", "window"], "--keep says what --compare leaves as it is"),
        (["--compare", "posthog", "--who", "2"], "--compare"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused(
    files: list[str], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = printed([*files, *arguments], capsys)
    assert (code, said in err) == (10, True), err
