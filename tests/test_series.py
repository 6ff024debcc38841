"""Series: the rule flagged, not flagged, too small and exactly on its limit; parts of a promise or recovery."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_shop import COUNTS, empty_house, only, promise, recovery, touchpoint

from journey_analytics.claims.findings import find
from journey_analytics.claims.series import KEPT, TOUCHPOINT_MEASURES, Series, parts_apart
from journey_analytics.warehouse import Warehouse


@pytest.fixture
def house() -> Warehouse:
    return empty_house()


@pytest.mark.parametrize(
    ("n", "good", "status"),
    [(400, 150, "open"), (400, 204, "ok"), (400, 190, "ok"), (400, 390, "ok"), (29, 0, "too_small"), (30, 0, "open"),
     (30, 30, "ok"), (0, 0, "too_small")],
)  # fmt: skip
@pytest.mark.parametrize("metric", ["progressed", "csat", "thumb", "stars"])
def test_a_share_is_flagged_when_its_whole_interval_is_below_the_target(
    house: Warehouse, metric: str, n: int, good: int, status: str
) -> None:
    n_column, good_column = COUNTS[metric]
    touchpoint(house, {n_column: n, good_column: good}, **{f"target_{metric}": 0.51})
    row = only(house)
    assert (row["status"], row["metric"], row["n_matured"], row["n_good"]) == (status, metric, n, good)
    assert row["kind"] == ("underperforming" if metric == "progressed" else "satisfaction")
    assert (row["rank"] == 1) is (status == "open")


def test_a_finding_says_its_estimate_interval_count_target_and_owner(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 819, "n_progressed": 312, "n_open": 14}, target_progressed=0.51)
    row = only(house)
    plain = row["claim"].replace("\u202f", " ")
    assert (
        plain
        == "38 % of customers move on (35 % to 41 %, of 819 customers whose time is over), against a target of 51 %"
    )
    assert (row["owner"], row["stage"], row["channel"], row["effort"]) == ("Checkout team", "purchase", "web", "medium")
    assert row["caveat"] == "14 customers are still within their time and not counted."
    assert row["low"] < row["estimate"] < row["high"] < row["reference"]


@pytest.mark.parametrize(
    ("promoters", "detractors", "n", "status"),
    [(10, 30, 60, "open"), (30, 10, 60, "ok"), (0, 29, 29, "too_small"), (0, 30, 30, "open"), (40, 0, 60, "ok")],
)
def test_a_net_promoter_score_is_flagged_by_its_own_interval(
    house: Warehouse, promoters: int, detractors: int, n: int, status: str
) -> None:
    touchpoint(house, {"n_nps": n, "n_promoters": promoters, "n_detractors": detractors}, target_nps=20)
    row = only(house)
    assert (row["status"], row["estimate"]) == (status, 100 * (promoters - detractors) / n)
    assert -100 <= row["low"] <= row["estimate"] <= row["high"] <= 100


@pytest.mark.parametrize(
    ("n", "bad", "status"), [(300, 30, "open"), (300, 6, "ok"), (300, 0, "ok"), (29, 29, "too_small"), (30, 30, "open")]
)
@pytest.mark.parametrize(
    ("limit", "kind", "n_column", "bad_column"),
    [("complained_at_most", "overwhelming", "n_customers", "n_complaints"),
     ("out_of_order_at_most", "out_of_order", "n_touches", "n_out_of_order")],
)  # fmt: skip
def test_a_limit_is_passed_when_the_whole_interval_lies_above_it(
    house: Warehouse, limit: str, kind: str, n_column: str, bad_column: str, n: int, bad: int, status: str
) -> None:
    touchpoint(house, {n_column: n, bad_column: bad}, **{limit: 0.02})
    row = only(house)
    assert (row["status"], row["kind"], row["n_good"]) == (status, kind, bad)
    assert "against at most 2" in row["claim"]


@pytest.mark.parametrize(("n", "good"), [(100, 51), (1_000_000, 510_000)])
def test_an_estimate_exactly_on_its_target_is_not_flagged_and_not_called_fine(
    house: Warehouse, n: int, good: int
) -> None:
    touchpoint(house, {"n_matured": n, "n_progressed": good}, target_progressed=0.51)
    row = only(house)
    assert row["status"] == "ok"
    assert row["caveat"].startswith("Cannot tell yet")


def test_an_interval_that_just_touches_its_target_is_not_flagged(house: Warehouse) -> None:
    counts = {"n_matured": 60, "n_progressed": 60, "n_customers": 60, "n_complaints": 0}
    touchpoint(house, counts, target_progressed=1.0, complained_at_most=0.0)
    bounds = {row["metric"]: row["low"] if row["metric"] == "complained" else row["high"] for row in find(house)}
    assert bounds == {"progressed": 1.0, "complained": 0.0}
    assert {row["status"] for row in find(house)} == {"ok"}


def test_no_worse_is_said_only_when_the_whole_interval_reaches_the_target(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 390}, target_progressed=0.51)
    assert only(house)["caveat"].startswith("No worse than its target")


def test_too_few_are_called_too_few(house: Warehouse) -> None:
    touchpoint(house, {"n_csat": 29, "n_satisfied": 2}, target_csat=0.8)
    assert only(house)["caveat"] == "Too few to judge: 29 of at least 30 answers."


def test_a_touchpoint_without_a_target_is_not_judged(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 1})
    assert find(house) == []


def test_no_worse_than_a_limit_is_said_only_when_the_whole_interval_lies_below_it(house: Warehouse) -> None:
    touchpoint(house, {"n_customers": 900, "n_complaints": 1}, "few", complained_at_most=0.02)
    touchpoint(house, {"n_customers": 900, "n_complaints": 16}, "some", complained_at_most=0.02)
    said = {row["subject"]: row["caveat"].split(":")[0] for row in find(house)}
    assert said == {"few": "No worse than its target", "some": "Cannot tell yet whether it reaches its target"}


def test_only_all_customers_are_judged_and_no_segment_of_a_touchpoint(house: Warehouse) -> None:
    touchpoint(house, {"n_matured": 400, "n_progressed": 390}, target_progressed=0.51)
    house.append(
        "marts.touchpoint_metrics", [{"segment": "new", "touchpoint": "payment", "n_matured": 100, "n_progressed": 1}]
    )
    assert (only(house)["segment"], only(house)["status"]) == ("all", "ok")


def test_a_touchpoint_that_falls_short_twice_has_two_findings(house: Warehouse) -> None:
    counts = {"n_matured": 400, "n_progressed": 100, "n_csat": 100, "n_satisfied": 20}
    touchpoint(house, counts, target_progressed=0.5, target_csat=0.8)
    assert {(row["metric"], row["status"]) for row in find(house)} == {("progressed", "open"), ("csat", "open")}


def test_a_touchpoint_that_nobody_touched_has_a_row_and_no_number(house: Warehouse) -> None:
    house.append("rules.touchpoints", [{"touchpoint": "new", "position": 1, "name": "New", "target_progressed": 0.4}])
    row = only(house)
    assert (row["status"], row["estimate"], row["low"], row["n_matured"]) == ("too_small", None, None, 0)
    assert row["claim"].startswith("Nothing counted yet")


@settings(max_examples=60)
@given(
    counts=st.tuples(st.integers(0, 400), st.integers(0, 400)).filter(lambda pair: pair[0] >= pair[1]),
    target=st.floats(0, 1),
)
def test_one_more_good_customer_never_opens_a_finding(counts: tuple[int, int], target: float) -> None:
    n, good = counts
    before = Series(TOUCHPOINT_MEASURES[0], "p", "P", target, n=n, good=good)
    after = Series(TOUCHPOINT_MEASURES[0], "p", "P", target, n=n, good=min(good + 1, n))
    assert not (before.status() == "ok" and after.status() == "open")


# --- parts of a promise or recovery


def test_a_promise_broken_in_one_region_names_it_and_says_how_the_others_fare(house: Warehouse) -> None:
    promise(
        house,
        {"by_value": "all", "n_due": 1000, "n_kept": 850, "n_open": 12},
        {"by_value": "north", "n_due": 250, "n_kept": 120,
         "n_scored_when_kept": 60, "csat_when_kept": 0.9, "mean_score_when_kept": 4.4,
         "n_scored_when_broken": 70, "csat_when_broken": 0.2, "mean_score_when_broken": 2.2},
        {"by_value": "south", "n_due": 400, "n_kept": 388},
        {"by_value": "west", "n_due": 350, "n_kept": 342},
    )  # fmt: skip
    row = only(house)
    assert (row["kind"], row["segment"], row["title"]) == ("promise_broken", "north", "Two-day delivery: north")
    assert (row["status"], row["n_matured"], row["n_good"], row["estimate"]) == ("open", 250, 120, 0.48)
    plain = row["caveat"].replace("\u202f", " ")
    assert plain.startswith("Elsewhere 97.3 % of 750 (95.9 % to 98.3 %).")
    assert "Satisfied: 90 % of 60 when kept, mean 4.4; 20 % of 70 when broken, mean 2.2." in plain


def test_a_promise_broken_in_two_regions_names_both_and_pools_them(house: Warehouse) -> None:
    promise(
        house,
        {"by_value": "all", "n_due": 900, "n_kept": 700},
        {"by_value": "west", "n_due": 300, "n_kept": 180},
        {"by_value": "north", "n_due": 200, "n_kept": 130},
        {"by_value": "south", "n_due": 400, "n_kept": 390},
    )
    row = only(house)
    assert (row["segment"], row["title"]) == ("north, west", "Two-day delivery: north and west")
    assert (row["n_matured"], row["n_good"]) == (500, 310)


def test_the_rest_of_a_promise_is_left_unsaid_when_it_is_a_small_cell(house: Warehouse) -> None:
    house.execute("update rules.settings set value = 50 where name = 'min_cell'")
    rows = [{"by_value": "all", "n_due": 140, "n_kept": 60, "n_open": 9}]
    rows += [{"by_value": "north", "n_due": 100, "n_kept": 21, "n_open": 7}]
    rows += [{"by_value": "south", "n_due": 60, "n_kept": 59}]
    promise(house, *rows)
    row = only(house)
    assert (row["segment"], row["caveat"]) == ("north", "7 cases are still within their time and not counted.")


def test_a_promise_broken_everywhere_says_how_its_customers_score(house: Warehouse) -> None:
    scores = {"n_scored_when_kept": 40, "csat_when_kept": 0.9, "n_scored_when_broken": 50, "csat_when_broken": 0.3}
    promise(house, {"by_value": "all", "n_due": 600, "n_kept": 360} | scores)
    plain = only(house)["caveat"].replace("\u202f", " ")
    assert plain == "Satisfied: 90 % of 40 when kept; 30 % of 50 when broken."


def test_scores_of_a_few_are_left_unsaid_and_the_mean_of_thumbs_too(house: Warehouse) -> None:
    thumbs = {"n_scored_when_kept": 40, "csat_when_kept": 0.9, "mean_score_when_kept": 0.9,
              "n_scored_when_broken": 10, "csat_when_broken": 0.3, "mean_score_when_broken": 0.3}  # fmt: skip
    promise(house, {"by_value": "all", "n_due": 600, "n_kept": 360} | thumbs)
    assert "mean" not in only(house)["caveat"]
    house.execute("update marts.promise_metrics set n_scored_when_broken = 9")
    assert only(house)["caveat"] is None


def test_a_promise_broken_everywhere_names_names_no_region(house: Warehouse) -> None:
    promise(
        house,
        {"by_value": "all", "n_due": 600, "n_kept": 360},
        {"by_value": "north", "n_due": 300, "n_kept": 170},
        {"by_value": "south", "n_due": 290, "n_kept": 185},
        {"by_value": "island", "n_due": 10, "n_kept": 10},
    )
    row = only(house)
    assert (row["segment"], row["title"], row["n_matured"]) == ("all", "Two-day delivery", 600)


def test_a_promise_that_is_kept_is_fine_even_when_one_region_is_a_little_low(house: Warehouse) -> None:
    parts = [{"by_value": f"r{number}", "n_due": 200, "n_kept": 193} for number in range(9)]
    low = {"by_value": "north", "n_due": 200, "n_kept": 182}
    promise(house, {"by_value": "all", "n_due": 2000, "n_kept": 9 * 193 + 182}, *parts, low)
    row = only(house)
    alone = Series(KEPT, "p", "P", 0.95, n=200, good=182)
    assert alone.status() == "open"
    assert (row["status"], row["segment"]) == ("ok", "all")


def test_a_small_region_that_is_plainly_broken_is_found_though_the_whole_is_fine(house: Warehouse) -> None:
    promise(
        house,
        {"by_value": "all", "n_due": 2000, "n_kept": 1900},
        {"by_value": "north", "n_due": 100, "n_kept": 50},
        {"by_value": "south", "n_due": 1900, "n_kept": 1850},
    )
    row = only(house)
    assert (row["status"], row["segment"]) == ("open", "north")


def test_a_promise_never_due_has_a_row_that_says_so(house: Warehouse) -> None:
    promise(house)
    row = only(house)
    assert (row["status"], row["n_matured"], row["estimate"]) == ("too_small", 0, None)


def test_a_recovery_missing_for_one_segment_names_it_and_the_one_that_is_fine(house: Warehouse) -> None:
    touchpoint(house, {})
    recovery(house, ("all", 402, 262), ("new", 284, 270), ("old", 118, 4))
    row = only(house)
    assert (row["kind"], row["segment"], row["title"]) == ("missing", "old", "Cart reminder: Old customers")
    assert (row["touchpoint"], row["stage"], row["n_matured"], row["n_good"]) == ("payment", "purchase", 118, 4)
    assert row["caveat"].replace("\u202f", " ").startswith("Against 95.1 % of 284 (91.9 % to 97.0 %)")
    assert "New customers" in row["caveat"]


def test_of_two_segments_without_a_recovery_the_surer_one_is_named(house: Warehouse) -> None:
    recovery(house, ("all", 500, 390), ("few", 32, 8), ("many", 250, 80), ("new", 284, 270))
    assert (only(house)["segment"], only(house)["n_matured"]) == ("many", 250)


def test_a_recovery_missing_for_everyone_names_no_segment(house: Warehouse) -> None:
    recovery(house, ("all", 400, 200), ("new", 250, 120), ("old", 150, 80))
    assert (only(house)["status"], only(house)["segment"]) == ("open", "all")


def test_a_recovery_that_is_followed_up_is_fine(house: Warehouse) -> None:
    recovery(house, ("all", 400, 380), ("new", 250, 235), ("old", 150, 145))
    assert (only(house)["status"], only(house)["segment"]) == ("ok", "all")


def test_parts_smaller_than_the_smallest_shown_cell_are_never_named() -> None:
    whole = Series(KEPT, "p", "P", 0.95, n=300, good=240)
    parts = [
        Series(KEPT, "p", "P", 0.95, n=40, good=4, segment="a"),
        Series(KEPT, "p", "P", 0.95, n=260, good=250, segment="b"),
    ]
    assert [part.segment for part in parts_apart(whole, parts)[0]] == ["a"]
    assert parts_apart(whole, parts, smallest=50) == ([], [])
