"""The result object: what is said, what is kept back, and what changed since the last run."""

from __future__ import annotations

import json
from typing import Any

import made_up_shop
import pytest
import shops

from journey_analytics.report import verdict
from journey_analytics.report.result import to_json


def open_ids(result: dict[str, Any]) -> list[str]:
    return [row["finding_id"] for row in verdict.open_now(result["findings"])]


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("normal", "4 of 13 touchpoints underperform, 1 promise is broken and 1 follow-up is missing. "),
        ("empty", "No verdict tonight: no feed brought any rows."),
        ("one_touchpoint", "No verdict yet: 1 measure still too small to judge."),
        ("unfit", "No verdict tonight: the feed orders did not arrive."),
    ],
)
def test_the_verdict_is_one_short_sentence_of_what_was_counted(name: str, starts: str) -> None:
    said = shops.result_of(shops.SHOPS[name]())["verdict"]
    assert said["sentence"].startswith(starts)
    assert len(said["sentence"]) <= 140
    assert "".join(part["text"] for part in said["parts"]).split() == said["sentence"].split()


def test_when_nothing_falls_short_the_verdict_says_what_could_not_be_judged() -> None:
    shop = shops.normal()
    shop.execute("delete from marts.findings where status = 'open' and kind <> 'data'")
    said = shops.result_of(shop)["verdict"]
    assert said["sentence"].startswith("No touchpoint or promise falls short of its target beyond chance.")
    assert said["n_open"] == 0


def test_long_names_leave_the_verdict_within_its_length() -> None:
    shop = shops.normal()
    shop.execute("update marts.findings set title = repeat('Ein sehr langer Name ', 20)")
    said = shops.result_of(shop)["verdict"]
    assert len(said["sentence"]) <= 140
    assert "…" in said["sentence"]


def test_the_same_tables_give_the_same_bytes() -> None:
    first, second = (to_json(shops.result_of(shops.normal())) for _ in range(2))
    assert first == second
    assert json.loads(first)["as_of"] == "2026-11-03T00:00:00"
    assert "NaN" not in first


def test_every_key_that_is_promised_is_there_also_in_an_empty_shop() -> None:
    promised = (
        "schema_version shop currency as_of complete_through run_id map_hash code_version judged data verdict changes "
        "kpis findings stages journey_map funnel touchpoints satisfaction promises recoveries flows coverage trend "
        "segments method"
    ).split()
    for name in ("normal", "empty", "one_touchpoint"):
        assert set(promised) <= set(shops.result_of(shops.SHOPS[name]())), name


def test_the_first_run_says_so_and_the_same_run_is_not_compared_with_itself() -> None:
    result = shops.result_of(shops.normal())
    again = shops.result_of(shops.normal(), previous=result)
    assert result["changes"]["previous_run_id"] is None
    assert result["changes"]["note"].startswith("First run")
    assert again["changes"]["previous_run_id"] is None


def test_u24_what_opened_and_closed_is_the_difference_of_the_open_findings() -> None:
    earlier = shops.result_of(shops.normal(), run_id="earlier")
    opened, closed = open_ids(earlier)[:2]
    shop = shops.normal()
    shop.execute(f"update marts.findings set status = 'ok' where finding_id = '{closed}'")
    earlier["findings"] = [row for row in earlier["findings"] if row["finding_id"] != opened]
    changes = shops.result_of(shop, previous=earlier)["changes"]
    assert [row["finding_id"] for row in changes["opened"]] == [opened]
    assert [row["finding_id"] for row in changes["closed"]] == [closed]
    assert changes["previous_run_id"] == "earlier"


def test_worsened_means_outside_the_earlier_interval_on_the_wrong_side() -> None:
    earlier = shops.result_of(shops.normal(), run_id="earlier")
    worse, better, more_complaints = (
        next(row for row in earlier["findings"] if row["metric"] == metric and row["status"] == "open")
        for metric in ("progressed", "thumb", "complained")
    )
    worse["low"], worse["high"] = 0.5, 0.6
    better["low"], better["high"] = 0.2, 0.3
    more_complaints["low"], more_complaints["high"] = 0.01, 0.02
    changes = shops.result_of(shops.normal(), previous=earlier)["changes"]
    assert {row["finding_id"] for row in changes["worsened"]} == {worse["finding_id"], more_complaints["finding_id"]}


def test_a_change_of_the_map_or_of_the_data_is_told_apart_from_a_change_of_performance() -> None:
    earlier = shops.result_of(shops.normal(), run_id="earlier")
    same_days = shops.result_of(shops.normal(), previous=earlier)["changes"]["note"]
    new_map = shops.result_of(shops.normal(), previous=earlier | {"map_hash": "other", "as_of": "x"})["changes"]
    assert "corrections of data" in same_days
    assert "map was edited" in new_map["note"]
    assert "corrections of data" not in new_map["note"]


def test_u22_an_unfit_night_flags_nothing_new_and_closes_nothing() -> None:
    earlier = shops.result_of(shops.normal(), run_id="earlier")
    kept = open_ids(earlier)[0]
    earlier["findings"] = [row for row in earlier["findings"] if row["status"] != "open" or row["finding_id"] == kept]
    worse_tonight = shops.unfit()
    worse_tonight.execute(f"update marts.findings set estimate = 0.01 where finding_id = '{kept}'")
    first = shops.result_of(shops.unfit())
    later = shops.result_of(worse_tonight, previous=earlier)
    assert open_ids(first) == []
    assert open_ids(later) == [kept]
    stood, stands = (
        next(row for row in rows if row["finding_id"] == kept) for rows in (earlier["findings"], later["findings"])
    )
    assert stands == stood | {"is_frozen": True}
    assert later["changes"]["opened"] == later["changes"]["closed"] == []
    assert not later["data"]["is_fit"]


@pytest.mark.parametrize(("level", "is_fit"), [("warn", True), ("freeze", True), ("fail", False)])
def test_a_check_that_fails_silences_the_verdict_and_one_that_freezes_or_warns_does_not(
    level: str, is_fit: bool
) -> None:
    shop = shops.normal()
    made_up_shop.check(shop, "web", "duplicate_share", level, False, "0.2", "at most 0.05")
    result = shops.result_of(shop)
    assert result["data"]["is_fit"] is is_fit
    assert result["verdict"]["sentence"].startswith("No verdict tonight") is not is_fit


def test_a_missing_feed_that_is_not_required_is_named_and_does_not_silence_the_verdict() -> None:
    shop = shops.normal()
    shop.execute("update ops.feeds set status = 'missing', n_loaded = 0 where source = 'surveys'")
    result = shops.result_of(shop)
    assert result["data"]["is_fit"]
    assert "missing: surveys" in result["data"]["sentence"]


def test_x20_a_segment_with_few_customers_in_it_or_beside_it_is_kept_back() -> None:
    shop = shops.normal()
    shop.execute("update marts.stage_metrics set n_customers = 9 where segment = 'returning' and stage = 'purchase'")
    shop.execute("update marts.stage_metrics set n_customers = 530 where segment = 'new' and stage = 'purchase'")
    segments = {row["segment"]: row for row in shops.result_of(shop)["segments"]}
    for segment in ("returning", "new"):
        cell = next(cell for cell in segments[segment]["stages"] if cell["stage"] == "purchase")
        assert cell["is_suppressed"]
        assert cell["n_customers"] is cell["n_matured"] is cell["progressed_share_of_matured"] is None
    assert not any(cell["is_suppressed"] for cell in segments["mobile"]["stages"])


def test_x20_a_small_part_of_a_promise_cannot_be_found_by_subtraction() -> None:
    promise = next(row for row in shops.result_of(shops.normal())["promises"] if row["promise"] == "two_day_delivery")
    shown = {part["by_value"] for part in promise["parts"]}
    assert "island" not in shown
    assert "north" in shown, "the finding names it, so it is not the one to hide beside the island"
    assert promise["n_parts_suppressed"] == 2
    assert promise["n_due"] - sum(part["n_due"] for part in promise["parts"]) > 7


def test_x20_rare_steps_and_ways_are_summed_and_never_listed() -> None:
    flows = shops.result_of(shops.normal())["flows"]
    assert min(row["n_journeys"] for row in flows["transitions"]) >= 10
    assert min(row["n_journeys"] for row in flows["paths"]) >= 10
    assert flows["small"] == {"n_pairs": 1, "n_transitions": 6}
    assert sum(row["n_transitions"] for row in flows["transitions"]) + 6 == flows["n_transitions"]


def test_the_emotion_curve_takes_the_kind_most_answered_and_breaks_below_ten_answers() -> None:
    shop = shops.normal()
    shop.execute("update marts.satisfaction set n_answered = 9, n_good = 6 where scope = 'stage' and id = 'decision'")
    lanes = {lane["stage"]: lane["emotion"] for lane in shops.result_of(shop)["journey_map"]["lanes"]}
    assert lanes["awareness"]["value"] == pytest.approx(4 * 0.8 - 2)
    assert lanes["after"]["metric"] == "stars_5"
    assert not lanes["decision"]["is_drawn"]
    assert lanes["consideration"] is None


def test_a_touchpoint_wears_its_worst_verdict_and_an_open_customer_is_never_counted_as_lost() -> None:
    result = shops.result_of(shops.normal())
    status = {row["touchpoint"]: row["status"] for row in result["touchpoints"]}
    assert status["payment_mobile"] == "open"
    assert status["home_page"] == "ok"
    assert status["reviews"] == "too_small"
    assert status["order_email"] == "no_target"
    for row in result["stages"]:
        assert row["n_entered"] == row["n_matured"] + row["n_open"]
        assert row["n_matured"] == row["n_progressed"] + row["n_dropped"]


def test_the_time_to_move_on_ends_at_the_share_that_moved_on() -> None:
    shop = shops.normal()
    curves = shops.result_of(shop)["funnel"]["time_to_progress"]
    moved = shop.rows(
        "select stage, count(progressed_at) / count(*) as share from journeys.stage_entries group by stage"
    )
    assert {row["stage"]: row["curve"][-1]["share"] for row in curves} == {
        row["stage"]: pytest.approx(row["share"]) for row in moved
    }
    for row in curves:
        assert [at["share"] for at in row["curve"]] == sorted(at["share"] for at in row["curve"])


def test_the_kpis_are_sums_of_counts_and_say_how_sure_they_are() -> None:
    kpis = {row["kpi"]: row for row in shops.result_of(shops.normal())["kpis"]}
    assert kpis["satisfied"]["n"] == 300 + 160 + 410
    assert kpis["satisfied"]["estimate"] == pytest.approx((240 + 104 + 180) / 870)
    assert kpis["nps"]["estimate"] == pytest.approx((109 - 43) / 212 * 100)
    for row in kpis.values():
        assert row["low"] < row["estimate"] < row["high"]
