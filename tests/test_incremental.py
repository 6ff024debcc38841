"""A night that builds what is new publishes what a night that builds everything would."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import pytest
from histories import NOW, History, differences, published, run_night
from shop_builder import WEB, Shop, make_shop

from journey_analytics.build import models
from journey_analytics.facts.config import load_project
from journey_analytics.forget import find_ids, forget
from journey_analytics.funnels import inputs, planner
from journey_analytics.report.quality import corrected
from journey_analytics.warehouse import open_published

SEEDS = range(3, 6 if os.environ.get("JOURNEY_SLOW") == "small" else 40)
STAGING = """-- The test shop's calls as events.
--
-- Grain: one row per landed row.
select
    'web' as source, id as event_id, 'page' as event_name, "at" as event_at,
    null::timestamp as received_at, null::varchar as anonymous_id, "user" as user_id, email_key,
    null::varchar as session_hint, null::varchar as path, null::varchar as referrer, null::varchar as utm_source,
    null::varchar as utm_medium, null::varchar as utm_campaign, null::varchar as device, null::varchar as country,
    null::varchar as order_id, null::varchar as ticket_id, null::bigint as revenue_minor, null::varchar as currency,
    null::double as score, null::varchar as score_kind, null::varchar as invitation_id, null::varchar as comment,
    '{}'::json as properties, file_id, row_number
from landing.web
"""


COMMENTS = """from (
    select schema_name || '.' || table_name as name, comment from duckdb_tables()
    union all select schema_name || '.' || table_name, comment from duckdb_columns())"""


def wrong(found: dict[str, list[object]], expected: dict[str, list[object]]) -> str:
    """What is not the same, a table a line; nothing where all is."""
    return "\n".join(f"{table}: {what}" for table, what in sorted(differences(found, expected).items()))


def live_through(history: History) -> dict[str, list[object]]:
    """All nights of a history, each on the last; what the last one published."""
    for night in range(history.nights):
        history.deliver(night)
        told = run_night(history.shop, now=NOW + timedelta(days=night))
        assert any("what is new since" in line for line in told) == (night > 0)
    return published(history.shop)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[object]]]:
    """A shop after its nights, each built on the last, and what it publishes."""
    history = History(tmp_path_factory.mktemp("lived") / "shop", seed=1)
    return history.shop, live_through(history)


def test_a_table_that_is_sorted_stands_in_order_after_any_night_and_funnels_are_counted_in_one_pass(
    lived: tuple[Path, dict[str, list[object]]],
) -> None:
    shop, _ = lived
    project = load_project(shop)
    ordered = {name: model.notes.sorted for name, model in models.discover(project.sql_folders).items()}
    house = open_published(shop / "warehouse" / "journey.duckdb")
    try:
        for table in (name for name, columns in ordered.items() if columns):
            order = ", ".join(ordered[table])
            stands = f"select rowid as row, row_number() over (order by {order}) - 1 as place from {table}"
            assert house.scalar(f"select count(*) from ({stands}) where row <> place") == 0, table
            assert all(row["comment"] for row in house.rows(f"{COMMENTS} where name = '{table}'")), table
        (checkout,) = project.journey.funnels
        given = planner.answer(checkout, inputs.published(house).log, house)
        assert given.path == "sorted pass", given.declined
    finally:
        house.close()


def test_nights_that_build_what_is_new_publish_what_a_rebuild_from_the_landing_files_does(
    lived: tuple[Path, dict[str, list[object]]], tmp_path: Path
) -> None:
    before, found = lived
    shop = Path(shutil.copytree(before, tmp_path / "shop", symlinks=True))
    (shop / "warehouse" / "work.duckdb").unlink()
    told = run_night(shop, now=NOW + timedelta(days=99), rebuild=True)
    assert not any("what is new since" in line for line in told)
    assert not wrong(found, published(shop))


# In this history a file is delivered twice under two names, corrected, and corrected back. The nights keep the copy
# that has counted meanwhile, a rebuild takes the file that came first: loaded_at and file_id of its events differ, and
# the two files' rows of ops.loads and ops.landed. No other column of any table does.
COPY_OR_ORIGINAL = {4: {"journeys.events", "ops.landed", "ops.loads"}}


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_any_history_publishes_what_a_rebuild_from_the_landing_files_does(tmp_path: Path, seed: int) -> None:
    history = History(tmp_path / "shop", seed, nights=3 + seed % 4, customers=20 + 10 * (seed % 5), days=16 + seed % 20)
    found = live_through(history)
    run_night(history.shop, now=NOW + timedelta(days=99), rebuild=True)
    rebuilt, known = published(history.shop), COPY_OR_ORIGINAL.get(seed, set())
    assert set(differences(found, rebuilt)) == known
    if known:
        of_events = [
            [[(name, value) for name, value in row if name not in ("loaded_at", "file_id")] for row in rows]  # type: ignore[attr-defined]
            for rows in (found["journeys.events"], rebuilt["journeys.events"])
        ]
        assert sorted(map(repr, of_events[0])) == sorted(map(repr, of_events[1]))


# --- late rows: a shop of one feed


def visit(number: int, at: str, **facts: object) -> dict[str, object]:
    return {"id": f"e{number}", "at": f"{at}T10:00:00Z", "user": f"u{number}", **facts}


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop whose first night has published what happened until 1 March."""
    shop = make_shop(tmp_path_factory.mktemp("first") / "shop")
    shop.write("../sql/staging/stg_web.sql", STAGING)
    shop.write("../sql/staging/stg_web.yml", "description: One row per landed row.\ncolumns: {}\n")
    shop.deliver("web/first.jsonl", [visit(1, "2025-12-01"), visit(2, "2026-03-01")])
    run_night(shop.root, now=NOW)
    return shop.root


@pytest.fixture
def shop(first_night: Path, tmp_path: Path) -> Shop:
    """A copy of that shop, links and all."""
    return Shop(Path(shutil.copytree(first_night, tmp_path / "shop", symlinks=True)))


def users(shop: Shop) -> Iterable[str]:
    rows = published(shop.root)["journeys.events"]
    return sorted(dict(row)["user_id"] for row in rows)  # type: ignore[call-overload]


def test_a_late_row_corrects_history_within_the_look_back_and_is_counted_and_kept_out_beyond_it(shop: Shop) -> None:
    one_day, seven_days, forty_days = visit(4, "2026-03-01"), visit(5, "2026-02-23"), visit(6, "2026-01-21")
    shop.deliver("web/late.jsonl", [visit(3, "2026-03-02"), one_day, seven_days, forty_days])
    run_night(shop.root, now=NOW)
    assert list(users(shop)) == ["u1", "u2", "u3", "u4", "u5"]
    load = shop.ledger()["web/late.jsonl"]
    assert (load["n_read"], load["n_loaded"], load["n_late"]) == (4, 3, 1)


def test_a_rebuild_without_the_private_database_still_knows_which_rows_were_late(shop: Shop) -> None:
    shop.deliver("web/a-late.jsonl", [visit(3, "2026-03-02"), visit(4, "2026-01-01"), visit(1, "2026-03-02")])
    run_night(shop.root, now=NOW)
    before = published(shop.root)
    (shop.root / "warehouse" / "work.duckdb").unlink()
    run_night(shop.root, now=NOW + timedelta(days=400), rebuild=True)
    assert not wrong(before, published(shop.root))
    assert list(users(shop)) == ["u1", "u2", "u3"]


def test_a_corrected_file_is_no_later_than_the_file_it_corrects(shop: Shop) -> None:
    shop.deliver("web/first.jsonl", [visit(1, "2025-12-01", n=7), visit(2, "2026-03-01"), visit(5, "2025-12-02")])
    run_night(shop.root, now=NOW)
    assert list(users(shop)) == ["u1", "u2", "u5"]


def test_the_look_back_is_the_shops_to_set(shop: Shop) -> None:
    nightly = (shop.root / "pipelines" / "nightly.yml").read_text(encoding="utf-8")
    shop.write("nightly.yml", nightly + "look_back: 90 days\n")
    shop.deliver("web/late.jsonl", [visit(3, "2026-03-02"), visit(4, "2026-01-01")])
    told = run_night(shop.root, now=NOW)
    assert "u4" in users(shop)
    assert any("everything is built anew" in line for line in told), "the set-up has changed"


def test_half_a_line_of_a_killed_night_is_no_arrival(shop: Shop) -> None:
    path = shop.root / "warehouse" / "arrivals.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write('{"arrival": 2, "sou')
    (shop.root / "warehouse" / "work.duckdb").unlink()
    shop.deliver("web/second.jsonl", [visit(3, "2026-03-02")])
    run_night(shop.root, now=NOW)
    assert [json.loads(line)["arrival"] for line in path.read_text(encoding="utf-8").splitlines()] == [1, 2]


def test_a_rebuild_refuses_to_lose_the_rows_of_files_that_are_gone(shop: Shop) -> None:
    shop.deliver("web/second.jsonl", [visit(3, "2026-03-02")])
    run_night(shop.root, now=NOW)
    before = published(shop.root)
    (shop.landing / "web" / "first.jsonl").unlink()
    with pytest.raises(Exception, match=r"files whose rows were loaded are gone \(1\): web/first.jsonl"):
        run_night(shop.root, now=NOW, rebuild=True)
    assert not wrong(published(shop.root), before)


# --- what was corrected


def corrections(shop: Shop) -> list[tuple[str, int, int]]:
    """(day, rows added, rows removed) of all nights, by day."""
    rows = [dict(row) for row in published(shop.root)["ops.corrections"]]  # type: ignore[call-overload]
    return sorted((f"{row['on_date']:%m-%d}", row["n_added"], row["n_removed"]) for row in rows)


def test_what_late_and_corrected_rows_change_on_published_days_is_counted_by_day_and_a_rebuild_knows_it(
    shop: Shop,
) -> None:
    assert corrections(shop) == []
    late = [visit(3, "2026-03-02"), visit(4, "2026-03-01"), visit(5, "2026-02-23")]
    shop.deliver("web/late.jsonl", late)
    run_night(shop.root, now=NOW)
    assert corrections(shop) == [("02-23", 1, 0), ("03-01", 1, 0)], "2 March had not been published before"
    run_night(shop.root, now=NOW)
    assert corrections(shop) == [("02-23", 1, 0), ("03-01", 1, 0)], "nothing came"
    shop.deliver("web/late.jsonl", [late[0], visit(4, "2026-03-01", user="u9")])
    run_night(shop.root, now=NOW)
    counted = [("02-23", 1, 1), ("03-01", 2, 1)]
    assert corrections(shop) == counted, "one is gone, one is another's now, one is as it was"
    (shop.root / "warehouse" / "work.duckdb").unlink()
    run_night(shop.root, now=NOW + timedelta(days=9), rebuild=True)
    assert corrections(shop) == counted


def test_a_night_that_builds_everything_counts_corrections_too_but_not_the_rows_of_the_erased(shop: Shop) -> None:
    columns = {**WEB["columns"], "user": {"type": "text", "identifies": "user"}}
    shop.write("sources/web.yml", {**WEB, "columns": columns})
    project = load_project(shop.root)
    forget(project, find_ids(project, customer=None, email=None, user="u1"), by="tester", reason="asked", now=NOW)
    shop.deliver("web/late.jsonl", [visit(4, "2026-03-01")])
    told = run_night(shop.root, now=NOW)
    assert any("everything is built anew" in line for line in told)
    assert list(users(shop)) == ["u2", "u4"]
    assert corrections(shop) == [("03-01", 1, 0)]


def test_the_report_says_in_one_line_what_was_corrected() -> None:
    day = date(2026, 10, 28)
    rows = [
        {"on_date": day, "n_added": 300, "n_removed": 0},
        {"on_date": date(2026, 11, 2), "n_added": 12, "n_removed": 1},
    ]
    said = corrected(rows)
    assert said is not None
    assert said["sentence"].replace("\u00a0", " ") == (
        "312 rows reached and 1 row left days that had been reported already, 28 Oct 2026 to 2 Nov 2026: "
        "history was corrected"
    )
    assert corrected([]) is None
