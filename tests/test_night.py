"""The night on the sample shop, through the real pipeline: what was planted is found, what was not is not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from journey_analytics import Funnel
from journey_analytics.cli.nights import the_night
from journey_analytics.facts.config import load_project
from journey_analytics.funnels.inputs import open_events
from journey_analytics.night import Night
from journey_analytics.warehouse import Warehouse, open_published

ROOT = Path(__file__).parents[1]
TRUTHS: dict[str, Any] = json.loads((ROOT / "data" / "sample" / "truths.json").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Ran:
    """A night that ran: the project folder, its exit code, its result object."""

    folder: Path
    exit_code: int
    result: dict[str, Any]

    @property
    def report(self) -> bytes:
        return (self.folder / "reports" / "latest" / "report.json").read_bytes()

    def open(self, metric: str | None = None) -> list[dict[str, Any]]:
        """The open findings, of one metric or of all."""
        return [f for f in self.result["findings"] if f["status"] == "open" and metric in (None, f["metric"])]


def run_night(folder: Path, as_of: datetime | None = None) -> Ran:
    with Night(load_project(folder), as_of=as_of) as night:
        the_night()(night)
    text = (folder / "reports" / "latest" / "report.json").read_text(encoding="utf-8")
    return Ran(folder, night.exit_code, json.loads(text))


def sample_project(folder: Path) -> Path:
    """The sample shop as a project of its own."""
    shutil.copytree(ROOT / "pipelines", folder / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data" / "sample", folder / "data" / "sample", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run_night(sample_project(tmp_path_factory.mktemp("sample")))


@pytest.fixture(scope="module")
def published(ran: Ran) -> Iterator[Warehouse]:
    warehouse = open_published(ran.folder / "warehouse" / "journey.duckdb")
    yield warehouse
    warehouse.close()


@pytest.mark.parametrize("truth", TRUTHS["truths"], ids=lambda truth: truth["id"])
def test_a_planted_fault_is_found(ran: Ran, truth: dict[str, Any]) -> None:
    found = [f for f in ran.open() if f["kind"] == truth["kind"] and f["subject"] == truth["subject"]]
    assert len(found) == 1, [(f["kind"], f["subject"]) for f in ran.open()]
    if truth["kind"] == "missing":
        assert found[0]["segment"] == truth["segment"]
    if truth["kind"] == "satisfaction":
        assert found[0]["metric"] == truth["metric"]
    if "by_value" in truth:
        assert truth["by_value"] in found[0]["title"]


def test_nothing_is_flagged_that_was_not_planted(ran: Ran) -> None:
    planted = {(truth["kind"], truth["subject"]) for truth in TRUTHS["truths"]}
    assert {(f["kind"], f["subject"]) for f in ran.open()} == planted


@pytest.mark.parametrize("decoy", TRUTHS["decoys"], ids=lambda decoy: decoy["touchpoint"])
def test_a_touchpoint_that_looks_bad_by_chance_alone_is_not_flagged(ran: Ran, decoy: dict[str, Any]) -> None:
    judged = [f for f in ran.result["findings"] if f["subject"] == decoy["touchpoint"] and f["metric"] == "progressed"]
    assert [f["status"] for f in judged] in (["ok"], ["too_small"])
    assert judged[0]["estimate"] < judged[0]["reference"], "a decoy lies below its target"


def test_every_open_finding_says_its_count_its_interval_its_owner_and_what_to_do(ran: Ran) -> None:
    for finding in ran.open():
        assert finding["next_action"]
        if finding["kind"] != "data":
            assert finding["owner"]
            assert finding["low"] <= finding["estimate"] <= finding["high"]
            assert finding["n_matured"] >= 30


def test_the_payment_page_is_said_to_have_recovered(ran: Ran) -> None:
    finding = next(f for f in ran.open("progressed") if f["subject"] == "payment_page_mobile")
    assert "look recovered" in finding["caveat"]


def test_on_the_day_before_the_repair_the_payment_page_is_not_said_to_have_recovered(tmp_path: Path) -> None:
    then = run_night(sample_project(tmp_path), as_of=datetime(2026, 10, 16))
    finding = next(f for f in then.open("progressed") if f["subject"] == "payment_page_mobile")
    assert "recovered" not in (finding["caveat"] or "")
    assert then.result["complete_through"] == "2026-10-15"


def test_the_missing_night_is_in_the_report_and_ends_the_night_with_a_warning(ran: Ran) -> None:
    finding = next(f for f in ran.open() if f["kind"] == "data")
    assert "25\u00a0Oct\u00a02026 (0)" in json.dumps(finding, ensure_ascii=False), "the day, and that it brought no row"
    assert ran.exit_code == 2


def test_running_the_night_twice_gives_the_same_bytes(ran: Ran, tmp_path: Path) -> None:
    again = Path(shutil.copytree(ran.folder, tmp_path / "again", symlinks=True))
    first = ran.report
    assert run_night(again).report == first
    assert run_night(again).report == first


def test_a_fresh_start_elsewhere_gives_the_same_bytes(ran: Ran, tmp_path: Path) -> None:
    assert run_night(sample_project(tmp_path / "elsewhere")).report == ran.report


def test_every_file_is_accounted_for_row_by_row(published: Warehouse) -> None:
    parts = "n_loaded + n_duplicate + n_rejected + n_out_of_scope + n_late + n_erased"
    wrong = published.rows(f"from ops.loads where n_read <> {parts}")
    assert wrong == []
    n_rejected = published.scalar("select sum(n_rejected) from ops.loads")
    assert published.scalar("select count(*) from ops.rejects") == n_rejected > 0


def test_analysts_find_no_raw_personal_data_in_the_published_file(ran: Ran) -> None:
    bytes_ = (ran.folder / "warehouse" / "journey.duckdb").read_bytes()
    html = (ran.folder / "reports" / "latest" / "index.html").read_bytes()
    for trace in (b"@example.com", b"@example.org", b"@example.net", b"203.0.113.", b"198.51.100."):
        assert trace not in bytes_
        assert trace not in html
        assert trace not in ran.report


def test_the_published_file_holds_no_schema_of_the_kitchen(published: Warehouse) -> None:
    schemas = {row["schema_name"] for row in published.rows("select distinct schema_name from duckdb_tables()")}
    assert schemas == {"journeys", "marts", "ops", "rules"}


def test_every_published_column_says_what_it_means(published: Warehouse) -> None:
    silent = published.rows("""
        select schema_name || '.' || table_name || '.' || column_name as name from duckdb_columns()
        where schema_name in ('journeys', 'marts') and not internal and comment is null order by name
    """)
    assert silent == []


def test_every_published_table_says_what_one_row_is(published: Warehouse) -> None:
    silent = published.rows("select schema_name, table_name from duckdb_tables() where comment is null")
    assert silent == []


def test_a_shared_device_is_listed_and_its_accounts_are_not_merged(published: Warehouse) -> None:
    shared = published.rows("select id_kind, n_accounts from journeys.shared_ids where rule = 'accounts'")
    assert shared == [{"id_kind": "device", "n_accounts": 6}]


def test_ways_flows_transitions_and_funnels_give_one_number_for_one_question(ran: Ran, published: Warehouse) -> None:
    log = open_events(ran.folder / "warehouse" / "journey.duckdb")

    def counted(first: str, second: str, order: str) -> list[int]:
        steps = f"steps: [{{touchpoint: {first}}}, {{touchpoint: {second}}}]"
        asked = Funnel.from_yaml(f"{{{steps}, count: journeys, order: {order}, window: unlimited}}")
        return [row["n"] for row in asked.answer(log).rows]

    pairs = published.rows(
        "select from_touchpoint as first, to_touchpoint as second, n_journeys from marts.transitions "
        "where from_touchpoint not in ('start', to_touchpoint) and to_touchpoint not in ('exit', 'open') "
        "order by n_journeys desc, first, second limit 6"
    )
    for pair in pairs:
        first, second = pair["first"], pair["second"]
        ways = f"select sum(n_journeys) from paths(starting_at := '{first}'"
        reached = [published.scalar(f"{ways})"), published.scalar(f"{ways}, ending_at := '{second}')")]
        assert counted(first, second, "ordered") == reached
        assert counted(first, second, "strict") == [reached[0], pair["n_journeys"]]
        flow = published.rows(
            f"select to_touchpoint, n_journeys from flows('{first}', top := 100) where step_number = 1"
        )
        assert sum(row["n_journeys"] for row in flow) == reached[0]
    log.warehouse.close()
    assert pairs[-1]["n_journeys"] > 100
