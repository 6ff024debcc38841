"""What a feed's night is held against: shares of tonight's rows, new names, late arrivals, what no contract knows."""

from __future__ import annotations

import pytest
from test_judge import OPS

from journey_analytics.facts.expectations import Check, FeedExpectation
from journey_analytics.judge import judge_feeds
from journey_analytics.warehouse import Warehouse, in_memory


@pytest.fixture
def warehouse() -> Warehouse:
    house = in_memory()
    house.execute(OPS)
    return house


def judged(warehouse: Warehouse, expectation: FeedExpectation) -> Check:
    return judge_feeds(warehouse, {"web": [expectation]})[0]


def load(warehouse: Warehouse, file: str, at: str = "2026-11-03", **counts: int) -> None:
    warehouse.append("ops.loads", [{"file_id": file, "source": "web", "loaded_at": at, **counts}])


def events(warehouse: Warehouse, *rows: tuple[str, str, str | None]) -> None:
    for name, at, received in rows:
        warehouse.append("staging.events", [
            {"source": "web", "event_name": name, "event_at": at, "received_at": received}])  # fmt: skip


def test_one_bad_night_is_not_lost_among_many_good_ones(warehouse: Warehouse) -> None:
    load(warehouse, "old", "2026-11-02", n_read=100_000, n_loaded=100_000, n_rejected=0, n_duplicate=0)
    load(warehouse, "new", n_read=100, n_loaded=10, n_rejected=90, n_duplicate=50)
    assert judged(warehouse, FeedExpectation("refused_share", at_most=0.02)).observed == "90 %"
    assert judged(warehouse, FeedExpectation("duplicate_share", at_most=0.02)).observed == "50 %"


def test_a_night_that_loaded_nothing_is_judged_by_all_files(warehouse: Warehouse) -> None:
    load(warehouse, "old", "2026-11-02", n_read=100, n_loaded=0, n_rejected=100, n_duplicate=0)
    assert judged(warehouse, FeedExpectation("refused_share", at_most=0.02)).observed == "1 %"


def test_the_empty_share_of_a_column_is_that_of_tonights_rows(warehouse: Warehouse) -> None:
    expectation = FeedExpectation("null_share", column="user", at_most=0.4)
    assert judged(warehouse, expectation).observed == "nothing to measure"
    warehouse.execute("""insert into landing.web values ('old', null), ('new', null), ('new', 'u'), ('new', null)""")
    assert judged(warehouse, expectation).observed == "75 %"
    load(warehouse, "new", n_loaded=3)
    check = judged(warehouse, expectation)
    assert (check.observed, check.expectation) == ("66.7 %", "null_share of user")
    assert check.check_id == "feed:web:null_share:user"


def test_names_that_a_settled_feed_never_used_before_are_new_for_a_week(warehouse: Warehouse) -> None:
    expectation = FeedExpectation("new_event_names", at_most=0)
    events(warehouse, ("page", "2026-10-30", None), ("page", "2026-11-01", None))
    assert judged(warehouse, expectation).is_met, "a new feed has new names only"
    events(warehouse, ("page", "2026-09-01", None), ("story", "2026-10-26", None))
    assert judged(warehouse, expectation).is_met, "eight days ago it was new"
    events(warehouse, ("story_viewed", "2026-10-27", None), ("push", "2026-11-02", None), ("later", "2026-11-03", None))
    check = judged(warehouse, expectation)
    assert (check.observed, check.sample) == ("2: push, story_viewed", "push, story_viewed")


def test_late_arrivals_are_measured_where_the_feed_says_when_it_received(warehouse: Warehouse) -> None:
    expectation = FeedExpectation("hours_to_arrive", at_most=2)
    events(warehouse, ("page", "2026-11-01", None))
    assert judged(warehouse, expectation).observed == "nothing to measure"
    events(warehouse, *[("page", "2026-11-01", "2026-11-01 01:00:00")] * 9, ("page", "2026-11-02", "2026-11-03"))
    check = judged(warehouse, expectation)
    assert (check.is_met, check.observed) == (False, "13.65 h")


def test_clocks_that_run_ahead_are_a_share_of_tonights_rows(warehouse: Warehouse) -> None:
    expectation = FeedExpectation("clamped_share", at_most=0.1)
    load(warehouse, "new", n_loaded=10)
    assert judged(warehouse, expectation).observed == "0 %"
    warehouse.append("ops.load_notes", [{"file_id": "new", "source": "web", "note": "clamped_time", "n": 2}])
    assert judged(warehouse, expectation).observed == "20 %"


def test_what_a_contract_does_not_know_is_a_check_of_its_own_by_what_follows(warehouse: Warehouse) -> None:
    notes = [
        ("new_value", "kind", "warn", "x"),
        ("new_value", "kind", "freeze", "y"),
        ("new_column", "b", "warn", None),
        ("new_value", "z", "evolve", "z"),
        ("not_answered", "score", "evolve", "11"),
    ]
    warehouse.append("ops.load_notes", [
        {"source": "web", "note": note, "subject": subject, "follows": follows, "n": 3, "sample": sample}
        for note, subject, follows, sample in notes])  # fmt: skip
    checks = judge_feeds(warehouse, {"web": []})
    assert [(check.expectation, check.level, check.observed, check.is_met) for check in checks] == [
        ("new_columns", "warn", "3 rows: b", False),
        ("new_values", "freeze", "3 rows: kind (y)", False),
        ("new_values", "warn", "3 rows: kind (x)", False),
    ]
