"""A night that dies anywhere leaves the last publication whole, and the next night needs no help."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest
from faults import nights
from histories import differences, published, run_night
from teashop import write_tea_shop

from journey_analytics import publish
from journey_analytics.warehouse import open_published

KILLED = -signal.SIGKILL
STRIDE = 7 if os.environ.get("JOURNEY_SLOW") == "small" else 1


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tea shop after its first night, with a second day delivered and not yet loaded."""
    shop = write_tea_shop(tmp_path_factory.mktemp("first") / "shop")
    assert nights.run_in_process(nights.night, shop) in (0, 2)
    nights.deliver_another_day(shop)
    return shop


@pytest.fixture
def shop(first_night: Path, tmp_path: Path) -> Path:
    """A copy of that shop, links and all."""
    return Path(shutil.copytree(first_night, tmp_path / "shop", symlinks=True))


def customers(shop: Path) -> int:
    """How many customers the published database knows."""
    published = open_published(shop / "warehouse" / "journey.duckdb")
    try:
        return int(published.scalar("select count(distinct customer_id) from journeys.journeys"))
    finally:
        published.close()


def live(shop: Path) -> tuple[str, str, int]:
    """(run id by latest.json, run id by the report, customers in the database)."""
    manifest = json.loads((shop / "reports" / "latest.json").read_text(encoding="utf-8"))
    report = json.loads((shop / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
    return manifest["run_id"], report["run_id"], customers(shop)


def orphans(shop: Path) -> list[str]:
    """Files that a killed night has left and a whole one should have cleared."""
    found = [
        *shop.glob("warehouse/*.tmp"),
        *shop.glob("reports/.*.tmp"),
        *shop.glob("reports/.next"),
        *shop.glob("warehouse/next.duckdb*"),
    ]
    return [path.name for path in found]


def lasting(shop: Path) -> list[Path]:
    """The private database, every publication and every report."""
    patterns = ("warehouse/*.duckdb", "warehouse/publications/*", "reports/latest.json", "reports/latest/*")
    return [path for pattern in patterns for path in sorted(shop.glob(pattern)) if path.is_file()]


def assert_the_next_night_is_whole(shop: Path) -> None:
    assert nights.run_in_process(nights.night, shop) in (0, 2)
    manifest, report, n_customers = live(shop)
    assert manifest == report
    assert n_customers == 3
    assert orphans(shop) == []


@pytest.mark.parametrize("step", [2, 20, 40])
def test_a_night_killed_at_a_step_leaves_the_last_publication_and_the_next_one_succeeds(shop: Path, step: int) -> None:
    before = live(shop)
    assert nights.run_in_process(nights.night_killed_at_step, shop, step) == KILLED
    assert live(shop) == before
    assert_the_next_night_is_whole(shop)


@pytest.mark.slow
def test_a_night_killed_at_any_of_its_steps_leaves_the_last_publication(shop: Path) -> None:
    before, step = live(shop), 0
    while True:
        step += STRIDE
        code = nights.run_in_process(nights.night_killed_at_step, shop, step)
        if code != KILLED or live(shop) != before:
            break
    assert step > 40
    assert_the_next_night_is_whole(shop)


@pytest.mark.parametrize("step", [2, 35])
def test_a_killed_night_that_builds_what_is_new_leaves_the_next_one_to_publish_what_a_rebuild_does(
    shop: Path, step: int
) -> None:
    assert nights.run_in_process(nights.night_killed_at_step, shop, step) == KILLED
    assert any("what is new since" in line for line in run_night(shop))
    found = published(shop)
    run_night(shop, rebuild=True)
    judged: dict[str, list[object]] = {"ops.checks": [], "marts.findings": []}  # these nights only build
    assert not differences(found | judged, published(shop) | judged)


@pytest.mark.parametrize("step", [2, 40])
def test_a_killed_rebuild_changes_nothing_that_is_read_or_that_the_next_night_needs(shop: Path, step: int) -> None:
    before = {path: path.read_bytes() for path in lasting(shop)}
    assert nights.run_in_process(nights.rebuild_killed_at_step, shop, step) == KILLED
    assert {path: path.read_bytes() for path in lasting(shop)} == before
    assert_the_next_night_is_whole(shop)
    assert not (shop / "warehouse" / "rebuild").exists()


@pytest.mark.parametrize("rename", [1, 4, 6])
def test_a_night_killed_while_publishing_leaves_every_part_readable(shop: Path, rename: int) -> None:
    before = live(shop)
    assert nights.run_in_process(nights.night_killed_at_rename, shop, rename) == KILLED
    manifest, report, n_customers = live(shop)
    assert manifest == before[0], "latest.json is replaced last, so it still names the earlier run"
    assert n_customers in (2, 3)
    assert len(report) == 12
    assert_the_next_night_is_whole(shop)


@pytest.mark.parametrize("flush", [1, 3, 20])
def test_a_disk_that_fails_while_publishing_ends_in_exit_40_and_nothing_half_done(shop: Path, flush: int) -> None:
    before = live(shop)
    assert nights.run_in_process(nights.night_with_failing_disk, shop, flush) == 40
    assert live(shop)[0] == before[0]
    assert_the_next_night_is_whole(shop)


def test_a_second_night_at_the_same_time_ends_at_once_and_says_who_holds_the_lock(shop: Path, tmp_path: Path) -> None:
    started, until = tmp_path / "started", tmp_path / "until"
    holder = nights.CONTEXT.Process(target=nights.night_that_waits, args=(shop, started, until))
    holder.start()
    while not started.exists():
        assert holder.is_alive()
    assert nights.run_in_process(nights.night, shop) == 30
    with pytest.raises(Exception, match=f"process {holder.pid}, since"), publish.lock(shop / "warehouse"):
        pass
    until.touch()
    holder.join(20)
    assert holder.exitcode == 0


def test_a_night_that_is_asked_to_end_lets_go_of_everything(shop: Path, tmp_path: Path) -> None:
    started = tmp_path / "started"
    holder = nights.CONTEXT.Process(target=nights.night_that_waits, args=(shop, started, tmp_path / "never"))
    holder.start()
    while not started.exists():
        assert holder.is_alive()
    os.kill(int(holder.pid or 0), signal.SIGTERM)
    holder.join(5)
    assert holder.exitcode not in (None, 0)
    assert_the_next_night_is_whole(shop)


def test_a_stray_write_ahead_log_beside_the_published_file_is_set_aside(shop: Path) -> None:
    (shop / "warehouse" / "journey.duckdb.wal").write_bytes(b"not a log")
    assert_the_next_night_is_whole(shop)
    assert (shop / "warehouse" / "journey.duckdb.wal.set-aside").exists()


def test_rollback_puts_database_and_report_of_the_previous_night_back(shop: Path) -> None:
    before = live(shop)
    assert_the_next_night_is_whole(shop)
    publish.rollback(shop / "warehouse", shop / "reports")
    assert live(shop) == before
    with pytest.raises(Exception, match="no earlier publication"):
        publish.rollback(shop / "warehouse", shop / "reports")
