"""Taobao, nine days of 2017: a shop of which only the web is known. The numbers are those of the data's own README."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from real.nights import Published, copy_of, night_of

LAST_PERSON = "100370"
STRAY = "outside the stated days, 2017-11-25 to 2017-12-03 in China (UTC+8)"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Published:
    return night_of(copy_of("taobao", tmp_path_factory.mktemp("api")))


def test_every_line_of_the_file_is_loaded_or_refused(shop: Published) -> None:
    counts = "n_read, n_loaded, n_duplicate, n_rejected, n_out_of_scope"
    loads = shop.rows(f"select file, status, {counts} from ops.loads")
    assert loads == [("taobao/UserBehavior.csv.gz", "loaded", 84_476, 84_440, 0, 36, 0)]
    assert shop.scalar("select count(*) from journeys.events") == 84_440
    accounted = "n_loaded + n_duplicate + n_rejected + n_out_of_scope"
    assert shop.scalar(f"select count(*) from ops.loads where n_read <> {accounted}") == 0


def test_the_last_line_is_refused_since_it_is_cut_mid_row(shop: Published) -> None:
    cut = shop.row('select row_number, reasons, "row" from ops.rejects where row_number = 84_476')
    assert cut == (84_476, ["has 4 fields instead of 5"], "000000,0000000,0000000,xx"), "its shape, and nobody's number"


def test_rows_outside_the_stated_days_are_refused_and_say_so(shop: Published) -> None:
    assert shop.scalar(f"select count(*) from ops.rejects where reasons = ['{STRAY}']") == 35
    assert shop.scalar("select count(*) from ops.rejects") == 36, "and the line that is cut"
    kept = shop.row("select min(event_at)::varchar, max(event_at)::varchar from journeys.events")
    assert kept == ("2017-11-24 16:00:17", "2017-12-03 15:59:23"), "midnight in China is 16:00 UTC"
    told = {(row["reason"], row["n"]) for row in shop.report["data"]["rejects"]}
    assert told == {(STRAY, 35), ("has 4 fields instead of 5", 1)}


def test_the_known_counts_come_out_without_the_person_whose_last_line_is_cut(shop: Published) -> None:
    rows = shop.rows(f"""
        with acts as (
            select user_id, event_name, true as is_loaded from journeys.events
            union all
            select "row"::json ->> 'person_id', if("row"::json ->> 'behaviour' = 'pv', 'product_viewed', 'other'), false
            from ops.rejects where reasons = ['{STRAY}'])
        select event_name, count(*), count(*) filter (is_loaded), count(distinct user_id)
        from acts where user_id <> '{LAST_PERSON}'
        group by rollup (event_name) order by count(*) desc
    """)
    assert rows == [
        (None, 84_287, 84_252, 814),
        ("product_viewed", 75_693, 75_658, 812),
        ("cart_added", 4_494, 4_494, 600),
        ("favourite_added", 2_351, 2_351, 304),
        ("order_paid", 1_749, 1_749, 558),
    ]


def test_the_touchpoints_count_what_was_loaded_of_everyone(shop: Published) -> None:
    # The last person is in: one customer more at each, and 1, 3, 5 and 179 touches more than without.
    names = ("touchpoint", "n_touches", "n_customers")
    known = {("product_page", 75_837, 813), ("cart", 4_497, 601), ("favourites", 2_356, 305), ("order", 1_750, 559)}
    assert set(shop.rows(f"select {', '.join(names)} from marts.touchpoint_metrics where segment = 'all'")) == known
    assert {tuple(point[name] for name in names) for point in shop.report["touchpoints"]} == known


def test_every_touch_is_in_one_journey_and_every_purchase_ends_one(shop: Published) -> None:
    assert shop.row("select count(*), count(journey_id) from journeys.touches") == (84_440, 84_440)
    assert shop.scalar("select sum(n_touches) from journeys.journeys") == 84_440
    converted = "from journeys.journeys where is_converted"
    assert shop.row(f"select count(*), count(distinct customer_id) {converted}") == (1_750, 559)


def test_a_shop_without_targets_or_surveys_gets_a_whole_report_that_says_so(shop: Published) -> None:
    report = shop.report
    assert (shop.latest / "index.html").stat().st_size > 10_000
    assert report["data"]["is_fit"]
    assert report["verdict"]["sentence"] == "No verdict: no touchpoint has a target to be held to."
    assert (report["verdict"]["n_open"], report["verdict"]["n_judged"]) == (0, 0)
    assert report["complete_through"] == "2017-12-03"
    assert report["satisfaction"] == report["promises"] == report["recoveries"] == []
    assert not any(point["n_csat"] or point["n_stars"] for point in report["touchpoints"]), "nobody was asked"


def test_the_command_line_publishes_the_same_bytes(shop: Published, tmp_path_factory: pytest.TempPathFactory) -> None:
    project = copy_of("taobao", tmp_path_factory.mktemp("cli"))
    command = [sys.executable, "-m", "journey_analytics.cli.main", "run", "--project", str(project), "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == shop.exit_code, ended.stderr
    assert json.loads(ended.stdout)["run_id"] == shop.run_id
    for name in ("report.json", "index.html"):
        assert (project / "reports" / "latest" / name).read_bytes() == (shop.latest / name).read_bytes()
