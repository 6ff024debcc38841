"""A funnel from a file, in one command or in Python: what is read, what is refused, and what is said about the rest."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from journey_analytics import Funnel
from journey_analytics.cli.main import main
from journey_analytics.errors import ConfigError, ConfigErrors, InputError

CSV = """customer_id,event_at,event_name,device,properties.size
ada,2026-01-01T09:00:00Z,viewed,phone,1
ada,2026-01-01T10:05:00+01:00,in cart,phone,2
ada,2026-01-01T09:10:00Z,paid,phone,
bob,1767258000,viewed,desk,not a number
bob,1767258060000,in cart,desk,12
cyd,2026-01-01T09:00:00Z,viewed,,
"""
STEPS = "steps: [viewed, in cart, paid]\n"


def funnel(*arguments: str) -> int:
    """Run `journey funnel`; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(["funnel", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


@pytest.fixture
def definition(tmp_path: Path) -> Path:
    path = tmp_path / "checkout.yml"
    path.write_text("funnel: checkout\n" + STEPS, encoding="utf-8")
    return path


def counts(events: Any, yaml: str = STEPS, **names: str) -> list[int]:
    return [int(n) for n in Funnel.from_yaml(yaml).run(events, **names)["n"]]


# --- what is read


def test_a_csv_file_is_read_whatever_its_times_are_written_as(log: Path) -> None:
    assert counts(log) == [3, 2, 1]


def test_every_kind_of_file_gives_the_same_answer(log: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(log, dtype=str)
    frame["event_at"] = pd.to_datetime(
        ["2026-01-01 09:00", "2026-01-01 09:05", "2026-01-01 09:10", "2026-01-01 09:00", "2026-01-01 09:01",
         "2026-01-01 09:00"]
    )  # fmt: skip
    lines = "\n".join(
        json.dumps({**row, "event_at": str(row["event_at"])}) for row in frame.fillna("").to_dict("records")
    )
    (tmp_path / "events.jsonl").write_text(lines, encoding="utf-8")
    with gzip.open(tmp_path / "events.csv.gz", "wt", encoding="utf-8") as packed:
        packed.write(CSV.replace(",", "\t").replace("\t", ";"))
    with duckdb.connect(str(tmp_path / "events.duckdb")) as database:
        database.execute("create table log as from frame")
        database.execute(f"copy log to '{tmp_path}/events.parquet'")
        assert counts(database) == [3, 2, 1]
    assert counts(frame) == [3, 2, 1]
    for name in ("events.jsonl", "events.csv.gz", "events.parquet", "events.duckdb"):
        assert counts(tmp_path / name) == [3, 2, 1], name


def test_nested_values_are_properties_and_text_that_is_no_number_is_none(log: Path, tmp_path: Path) -> None:
    where = "steps: [viewed, {event: in cart, where: 'properties.size > 1'}]\n"
    assert counts(log, where) == [3, 2]
    path = tmp_path / "nested.jsonl"
    events = [
        {"customer_id": "ada", "event_at": "2026-01-01", "event_name": "viewed", "properties": {"size": "big"}},
        {"customer_id": "ada", "event_at": "2026-01-02", "event_name": "in cart", "properties": {"size": 3}},
        {"customer_id": "bob", "event_at": "2026-01-01", "event_name": "viewed", "properties": {"size": 5}},
        {"customer_id": "bob", "event_at": "2026-01-02", "event_name": "in cart"},
    ]
    path.write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    assert counts(path, where) == [2, 1]


def test_columns_may_be_called_otherwise(log: Path) -> None:
    log.write_text(CSV.replace("customer_id,event_at,event_name", "user_id,ts,event", 1), encoding="utf-8")
    assert counts(log, customer_id="user_id", event_at="ts", event_name="event") == [3, 2, 1]


def test_the_definition_of_the_specification_is_read_as_it_stands(tmp_path: Path) -> None:
    said = Funnel.from_yaml(
        "funnel: checkout\nsteps: [viewed, {event: [a, b], where: 'quantity > 0', within: 1 day}]\nhold: [order_id]\n"
        "exclude: [{event: cancelled, between: [viewed, a or b], then: drop}]\n"
        "entered: [2026-01-01, 2026-02-01)         # the first step must fall inside\n"
    ).definition
    assert said.rules()["entered"] == {"from": "2026-01-01T00:00:00", "to": "2026-02-01T00:00:00"}
    assert said.rules()["window"] == "14 days"


# --- what is refused, and what is said


@pytest.mark.parametrize(
    ("yaml", "said"),
    [
        ("stepz: [a]", "did you mean 'steps'?"),
        ("steps: [{evnt: a}]", "did you mean 'event'?"),
        ("steps: []", "steps"),
        ("steps: [a, a]", "two steps are called 'a'"),
        ("steps: [{event: a, optional: true}, b]", "the first step cannot be optional"),
        ("steps: [a, b]\nwindow: 0 days", "'0 days' is no time at all"),
        ("steps: [a, b]\nwindow: soon", "'soon' is not a duration"),
        ("steps: [a, b]\norder: random", "order"),
        ("steps: [a, b]\nexclude: [{event: x, between: [a, c]}]", "no required step"),
        ("steps: [a, b]\nexclude: [{event: x, between: [b, a]}]", "do not follow each other"),
        ("steps: [a, b]\nbreakdown: {by: device, at: frist}", "did you mean 'first'?"),
        ("steps: [a, b]\nentered: [2026-02-01, 2026-01-01)", "is empty"),
        ("steps: [a, {event: b, within: 1 day}]\norder: any", "in any order no step has one before it"),
        ("steps: [a, b]\norder: any\ncount: attempts", "attempts cannot be told apart"),
        ("steps: [{event: a, touchpoint: b}]", "exactly one of event, touchpoint, stage"),
        ("steps: [a]\nas_of: someday", "'someday' is not a time"),
    ],
)
def test_a_definition_that_cannot_be_is_refused_with_its_line(yaml: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as refused:
        Funnel.from_yaml(yaml)
    assert said in str(refused.value)
    assert "funnel.yml:" in str(refused.value)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("devise = 'phone'", "did you mean 'device'?"),
        ("device in (select 1)", "uses"),
        ("read_text('/etc/passwd') = 'x'", "read_text"),
        ("device = 'x'; drop table events", "not a condition"),
    ],
)
def test_a_condition_that_is_more_than_a_comparison_is_refused(log: Path, where: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        counts(log, f'steps: [{{event: viewed, where: "{where}"}}]')
    assert said in str(refused.value)


def test_a_step_that_no_event_makes_is_told_with_the_nearest_names(
    log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition.write_text("steps: [viewed, in kart, {event: paid, where: \"device = 'desk'\"}]", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log)) == 0
    said = capsys.readouterr().err
    assert "no event makes the step 'in kart' (in kart); did you mean 'in cart'?" in said
    assert "events called 'paid' exist, but none meets the conditions" in said


def test_rows_without_a_customer_or_a_time_are_counted_and_left_out(
    log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text(CSV + ",2026-01-01,viewed,,\n  ,2026-01-01,viewed,,\ndot,soon,viewed,,\n", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log), "--format", "json") == 0
    said = capsys.readouterr()
    assert "2 of 9 rows have no customer_id: left out" in said.err
    assert "1 of 9 rows have no event_at that can be read: left out" in said.err
    assert json.loads(said.out)["groups"][0]["steps"][0]["n"] == 3


def test_an_id_that_is_no_number_is_no_id() -> None:
    frame = pd.DataFrame({"customer_id": [1.0, float("nan"), 2.0], "event_at": "2026-01-01", "event_name": "a"})
    assert counts(frame, "steps: [a]") == [2]


def test_an_empty_file_is_refused_and_a_header_alone_is_zero(log: Path) -> None:
    log.write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="is empty"):
        counts(log)
    log.write_text(CSV.splitlines()[0] + "\n", encoding="utf-8")
    assert counts(log) == [0, 0, 0]


def test_what_is_no_log_is_refused_with_what_would_be_one(log: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"customer_id": "ada"\n', encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        counts(broken)
    with pytest.raises(ConfigError, match="is no file"):
        counts(tmp_path / "nothing.csv")
    with pytest.raises(ConfigError, match="no kind of log"):
        counts(log.rename(tmp_path / "events.xlsx"))


def test_a_column_that_is_missing_is_told_with_the_option_that_names_it(log: Path) -> None:
    log.write_text(CSV.replace("customer_id", "user_id", 1), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        counts(log)
    assert "did you mean 'user_id'?" in str(refused.value)
    assert "--customer-id user_id" in str(refused.value)


@pytest.mark.parametrize(
    "yaml",
    [
        "steps: [a, b, c]",
        "{steps: [a, b, c], ties: strictly_after}",
        "{steps: [a, b, c], order: any}",
        "{steps: [a, {event: b, within: 1 day}, c], exclude: [d], count: attempts}",
    ],
)
def test_a_hundred_thousand_events_of_one_customer_are_counted(yaml: str) -> None:
    with duckdb.connect() as database:
        database.execute(
            "create table log as select 'ada' as customer_id, ['a', 'b', 'c'][1 + i % 3] as event_name, "
            "timestamp '2026-01-01' + interval (i) second as event_at from range(100000) as numbers (i)"
        )
        found = counts(database, yaml)
    assert found == ([33334, 33333, 33333] if "attempts" in yaml else [1, 1, 1])


def test_twenty_steps_are_twenty_rows() -> None:
    names = [chr(ord("a") + place) for place in range(20)]
    frame = pd.DataFrame({"customer_id": "ada", "event_at": pd.Timestamp("2026-01-01"), "event_name": names[::-1]})
    assert counts(frame, f"steps: [{', '.join(names)}]") == [1] * 20, "all at one instant, in the order of the steps"


# --- what is printed


def test_json_holds_the_rules_and_every_group(log: Path, definition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    definition.write_text("funnel: checkout\n" + STEPS + "breakdown: {by: device}\n", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log), "--format", "json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["funnel"] == "checkout"
    assert said["rules"]["attempt"] == "best"
    assert [group["breakdown_value"] for group in said["groups"]] == [None, "(none)", "desk", "phone"]
    first = said["groups"][0]["steps"][0]
    assert (first["step_number"], first["step"], first["n"]) == (1, "viewed", 3)
    assert {"n_open", "share_of_first", "share_of_previous", "low", "high", "revenue_minor"} <= set(first)


def test_csv_holds_a_row_for_every_step(log: Path, definition: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert funnel(str(definition), "--events", str(log), "--format", "csv") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("funnel,breakdown_value,step_number,step,n,n_open")
    assert len(lines) == 4


def test_who_reached_a_step_and_who_was_lost_before_it_are_listed(
    log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition.write_text(STEPS + "window: 1 hour\nas_of: 2026-01-02\n", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log), "--who", "2", "--format", "json") == 0
    assert [row["customer_id"] for row in json.loads(capsys.readouterr().out)["customers"]] == ["ada", "bob"]
    assert funnel(str(definition), "--events", str(log), "--lost", "2", "--format", "json") == 0
    assert [row["customer_id"] for row in json.loads(capsys.readouterr().out)["customers"]] == ["cyd"]
    definition.write_text(STEPS + "window: 3 days\nas_of: 2026-01-02\n", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log), "--lost", "2", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["customers"] == [], "who is open is not lost"
    assert funnel(str(definition), "--events", str(log), "--lost", "1") == 10


def test_the_sql_that_is_shown_runs_when_pasted(
    log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert funnel(str(definition), "--events", str(log), "--show-sql") == 0
    sql = capsys.readouterr().out
    with duckdb.connect() as database:
        database.execute(
            "create table funnel_events as select 'ada' as customer_id, timestamp '2026-01-01' as event_at, "
            "'viewed' as event_name, 1 as row_number"
        )
        assert [row[4] for row in database.execute(sql).fetchall()] == [1, 0, 0]


def test_every_rule_is_said_in_words_with_the_path_that_counted(
    log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition.write_text(
        STEPS + "exclude: [{event: cancelled, then: remove}]\nhold: device\nbreakdown: {by: device}\n", encoding="utf-8"
    )
    assert funnel(str(definition), "--events", str(log), "--explain") == 0
    said = capsys.readouterr().out
    for sentence in (
        "Each customer is counted once.",
        "All steps lie within 14 days of the first step of the attempt, its end included.",
        "Who has cancelled between 'viewed' and 'paid' is counted nowhere.",
        "share the same device",
        "2. 2 customers made 'in cart' (in cart) after 'viewed'.",
        "Counted by ANSI SQL",
    ):
        assert sentence in said, sentence


def test_a_definition_with_a_mistake_ends_in_the_exit_code_of_a_set_up(
    log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    definition.write_text("steps: [viewed]\nordr: any\n", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log)) == 10
    assert "checkout.yml:2: the key 'ordr' is unknown; did you mean 'order'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "shown"), [("=1+1", "'=1+1"), ("@SUM(1)", "'@SUM(1)"), ("\x1b[31mred", "�[31mred"), ("desk", "desk")]
)
def test_a_value_in_the_csv_of_a_funnel_is_neither_a_formula_nor_a_command_to_a_terminal(
    device: str, shown: str, log: Path, definition: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text(CSV.replace("desk", device), encoding="utf-8")
    definition.write_text(STEPS + "breakdown: {by: device}\n", encoding="utf-8")
    assert funnel(str(definition), "--events", str(log), "--format", "csv") == 0
    assert shown in {line.split(",")[1] for line in capsys.readouterr().out.splitlines()}


def test_the_example_of_the_readme_works_as_it_is_typed(tmp_path: Path) -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    block = next(each for each in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) if "journey funnel" in each)
    text = block.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    done = subprocess.run(["bash", "-c", text], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "1. 3 customers made 'viewed' (viewed). Of these, 1 still has time" in done.stdout
    assert "3. 1 customer made 'paid'" in done.stdout
