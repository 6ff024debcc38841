"""`journey` on the command line: every command, its exit codes, and what machines read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import typer
from teashop import write_tea_shop

from journey_analytics import publish
from journey_analytics.cli.main import app, main

ROOT = Path(__file__).parents[1]
COMMANDS = sorted(typer.main.get_group(app).commands)


def journey(*arguments: str) -> int:
    """Run a command; its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tea shop after one night."""
    shop = write_tea_shop(tmp_path_factory.mktemp("cli") / "shop")
    assert journey("run", "--project", str(shop)) == 0
    return shop


@pytest.fixture
def shop(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "shop", symlinks=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_in_the_readme_and_says_what_it_does(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = readme.partition("`journey --help` lists the commands behind them: `")[2].partition("`")[0]
    assert command in listed.replace("\n", " ").split(", ")
    assert journey(command, "--help") == 0
    assert len(capsys.readouterr().out.splitlines()) > 3


def test_no_command_has_gone_missing() -> None:
    wanted = "run land build judge find report publish runs rejects rollback identity sample doctor"
    assert set(wanted.split()) <= set(COMMANDS)


def test_the_steps_one_by_one_publish_what_the_whole_night_would(shop: Path, tmp_path: Path) -> None:
    before = (shop / "reports" / "latest" / "report.json").read_bytes()
    fresh = write_tea_shop(tmp_path / "fresh")
    for step in ("land", "build", "judge", "find", "report", "publish"):
        assert journey(step, "--project", str(fresh)) == 0, step
    assert (fresh / "reports" / "latest" / "report.json").read_bytes() == before


def test_a_step_before_its_time_says_which_command_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fresh = write_tea_shop(tmp_path / "fresh")
    assert journey("find", "--project", str(fresh)) == 10
    assert "do: journey build" in capsys.readouterr().err


def test_machines_read_one_json_object_and_nothing_else(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("run", "--project", str(shop), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["exit_code"] == 0
    assert Path(said["report"]).is_file()
    assert Path(said["database"]).is_file()


def test_the_ledger_names_every_attempt_and_the_live_one(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("runs", "--project", str(shop), "--json") == 0
    rows = json.loads(capsys.readouterr().out)["runs"]
    assert [row["status"] for row in rows] == ["published"]
    assert rows[0]["is_live"]
    assert journey("runs", "--project", str(shop)) == 0
    assert rows[0]["run_id"] in capsys.readouterr().out


def test_refused_rows_are_printed_with_file_row_and_reason(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("rejects", "--project", str(shop), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["n_rejects"] == 1
    assert (said["rejects"][0]["file"], said["rejects"][0]["row_number"]) == ("web/2026-03-01.csv", 5)
    assert journey("rejects", "--project", str(shop), "--source", "wbe") == 10


def test_rollback_without_an_earlier_publication_changes_nothing(shop: Path) -> None:
    before = (shop / "reports" / "latest.json").read_bytes()
    assert journey("rollback", "--project", str(shop)) == 10
    assert (shop / "reports" / "latest.json").read_bytes() == before


def test_the_doctor_finds_a_sound_set_up_well(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("doctor", "--project", str(shop), "--json") == 0
    assert json.loads(capsys.readouterr().out)["is_well"]


def test_the_doctor_lists_every_mistake_with_its_remedy(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "pipelines" / "journey.yml"
    path.write_text(
        path.read_text(encoding="utf-8").replace("stage: purchase, channel", "stage: purchas, channel"),
        encoding="utf-8",
    )
    assert journey("doctor", "--project", str(shop)) == 10
    assert "did you mean 'purchase'?" in capsys.readouterr().out


def test_a_date_that_is_none_is_refused_before_anything_starts(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("run", "--project", str(shop), "--as-of", "yesterday") == 10
    assert "--as-of" in capsys.readouterr().err


def test_a_folder_without_pipelines_is_told_what_a_project_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert journey("run", "--project", str(tmp_path)) == 10
    assert "journey sample --out DIR" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_sample_of_any_size_is_a_project_that_runs(tmp_path: Path) -> None:
    out = tmp_path / "made up"
    assert journey("sample", "--customers", "400", "--days", "60", "--out", str(out)) == 0
    assert journey("sample", "--customers", "400", "--days", "60", "--out", str(out)) == 10, (
        "a full folder is left alone"
    )
    assert journey("run", "--project", str(out)) in (0, 2)


def test_an_analyst_who_reads_while_the_night_publishes_is_never_in_the_way(shop: Path) -> None:
    from journey_analytics.warehouse import open_published

    reader = open_published(shop / "warehouse" / publish.PUBLISHED)
    before = reader.rows("select * from ops.runs")
    assert journey("run", "--project", str(shop)) == 0
    assert reader.rows("select * from ops.runs") == before, "an open connection keeps its whole old picture"
    reader.close()


def test_sql_of_a_shop_that_does_not_run_names_the_model(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "sql" / "staging" / "stg_web.sql"
    path.write_text(
        path.read_text(encoding="utf-8").replace("visit_id as event_id", "vist_id as event_id"), encoding="utf-8"
    )
    assert journey("run", "--project", str(shop)) == 10
    assert "staging/stg_web.sql: does not run" in capsys.readouterr().err


def test_who_is_who_is_told_to_people_and_to_machines(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert journey("identity", "--project", str(shop), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["kinds"] == [{"id_kind": "user", "n_ids": 2, "n_customers": 2, "n_joined": 0}]
    assert (said["links"], said["shared"], said["n_shared"], said["headline"]) == ([], [], 0, None)
    assert journey("identity", "--project", str(shop)) == 0
    printed = capsys.readouterr().out
    assert "user" in printed
    assert "too few customers to compare the headline" in printed


def test_the_ids_that_merged_nobody_are_listed_up_to_a_limit(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (shop / "landing" / "web" / "2026-03-02.csv").open("w", encoding="utf-8") as file:
        file.write("visit_id,who,what,page,seen_at\n")
        for number, who in enumerate(("anonymous", "Guest", "0")):
            file.write(f"n{number},{who},view,/tea,2026-03-02T09:00:00Z\n")
    assert journey("run", "--project", str(shop)) in {0, 2}
    capsys.readouterr()
    assert journey("identity", "--project", str(shop), "--limit", "2", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["n_shared"], [row["id"] for row in said["shared"]]) == (3, ["0", "Guest"])
    assert {row["rule"] for row in said["shared"]} == {"placeholder"}
    assert journey("identity", "--project", str(shop), "--limit", "2") == 0
    assert "merged with nobody: 2 of 3 ids" in capsys.readouterr().out
