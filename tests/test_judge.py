"""Judging: every expectation met and unmet, the two ways of counting agree, and nothing is left behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from journey_analytics import judge
from journey_analytics.facts.expectations import Check, FeedExpectation, ModelCheck, SqlCheck
from journey_analytics.judge import judge_feeds, judge_marts, verdict
from journey_analytics.warehouse import Warehouse, in_memory

OPS = """
    create schema ops; create schema marts; create schema journeys;
    create table ops.feeds (
        source varchar, n_read bigint, refused_share double, duplicate_share double, unmapped_share double,
        hours_since_last_event double
    );
    create table ops.loads (file_id varchar, source varchar, n_read bigint, n_loaded bigint, n_rejected bigint,
        n_duplicate bigint, loaded_at timestamp);
    create table ops.load_notes (file_id varchar, source varchar, note varchar, subject varchar, follows varchar,
        n bigint, sample varchar);
    create schema staging; create table staging.events (source varchar, event_name varchar, event_at timestamp,
        received_at timestamp);
    create schema landing; create table landing.web (file_id varchar, "user" varchar);
    create table ops.feed_days (source varchar, on_date date, n_rows bigint, rows_vs_same_weekday double);
    insert into ops.feeds values ('web', 1000, 0.01, 0.0, 0.1, 3.5), ('email', 0, null, null, null, null);
    insert into ops.feed_days values
        ('web', '2026-09-01', 5, 0.2), ('web', '2026-10-30', 900, 1.1), ('web', '2026-10-31', 40, 0.04),
        ('web', '2026-11-01', 950, null), ('web', '2026-11-02', 2600, 2.6), ('web', '2026-11-03', 1, 0.001),
        ('email', '2026-10-31', 100, 0.9), ('email', '2026-11-02', 120, 1.2);
    set variable as_of = timestamp '2026-11-03';
    set variable judged_days = 56;
"""


@pytest.fixture
def warehouse() -> Warehouse:
    house = in_memory()
    house.execute(OPS)
    return house


def judged_feed(warehouse: Warehouse, source: str, expectation: FeedExpectation) -> Check:
    return judge_feeds(warehouse, {source: [expectation]})[0]


def judged_mart(warehouse: Warehouse, *rows: str, **check: Any) -> Check:
    warehouse.execute("create or replace table marts.paths (path varchar, week integer, share double, n bigint)")
    for row in rows:
        warehouse.execute(f"insert into marts.paths values ({row})")
    return judge_marts(warehouse, {"marts.paths": [ModelCheck("marts.paths", **check)]}, [])[0]


@pytest.mark.parametrize(
    ("source", "expectation", "is_met", "observed"),
    [
        ("web", FeedExpectation("refused_share", at_most=0.01), True, "1 %"),
        ("web", FeedExpectation("refused_share", at_most=0.0099), False, "1 %"),
        ("web", FeedExpectation("duplicate_share", at_most=0.0), True, "0 %"),
        ("web", FeedExpectation("duplicate_share", at_least=0.01), False, "0 %"),
        ("web", FeedExpectation("unmapped_share", at_most=0.2), True, "10 %"),
        ("web", FeedExpectation("unmapped_share", at_most=0.05), False, "10 %"),
        ("web", FeedExpectation("hours_since_last_event", at_most=30), True, "3.5 h"),
        ("web", FeedExpectation("hours_since_last_event", at_most=3), False, "3.5 h"),
        ("web", FeedExpectation("rows_read", at_least=1000), True, "1000"),
        ("web", FeedExpectation("rows_read", between=(1, 999)), False, "1000"),
        ("email", FeedExpectation("refused_share", at_most=0.01), True, "nothing to measure"),
        ("email", FeedExpectation("hours_since_last_event", at_most=30), False, "no event yet"),
        ("email", FeedExpectation("rows_read", at_least=1), False, "0"),
        ("never heard of", FeedExpectation("rows_read", at_least=1), False, "0"),
        ("never heard of", FeedExpectation("hours_since_last_event", at_least=1), False, "no event yet"),
    ],
)
def test_a_feeds_measure_is_held_to_its_bounds(
    warehouse: Warehouse, source: str, expectation: FeedExpectation, is_met: bool, observed: str
) -> None:
    check = judged_feed(warehouse, source, expectation)
    assert (check.is_met, check.observed) == (is_met, observed)
    assert check.n_unexpected == (0 if is_met else 1)


def test_days_far_from_their_weekday_are_named_and_only_those_of_the_judged_period(warehouse: Warehouse) -> None:
    check = judged_feed(warehouse, "web", FeedExpectation("rows_vs_same_weekday", between=(0.5, 2.0)))
    assert check.observed == "2026-10-31 (0.04), 2026-11-02 (2.6), of 3 days"
    assert (check.is_met, check.n_unexpected, check.sample) == (False, 2, "2026-10-31, 2026-11-02")
    assert check.expected == "0.5 to 2 times the usual"


def test_days_near_their_weekday_are_met(warehouse: Warehouse) -> None:
    check = judged_feed(warehouse, "email", FeedExpectation("rows_vs_same_weekday", between=(0.9, 1.2)))
    assert (check.is_met, check.observed) == (True, "0.9 to 1.2 times the usual on 2 days")


def test_without_a_judged_period_every_day_is_judged(warehouse: Warehouse) -> None:
    warehouse.execute("set variable judged_days = null")
    check = judged_feed(warehouse, "web", FeedExpectation("rows_vs_same_weekday", at_least=0.5))
    assert check.sample == "2026-09-01, 2026-10-31"


def test_a_feed_without_any_day_to_compare_says_so(warehouse: Warehouse) -> None:
    check = judged_feed(warehouse, "survey", FeedExpectation("rows_vs_same_weekday", at_least=0.5))
    assert (check.is_met, check.observed) == (True, "no day with a usual number of rows to compare with")


def test_many_odd_days_are_named_up_to_a_limit(warehouse: Warehouse) -> None:
    warehouse.execute(
        "insert into ops.feed_days select 'busy', date '2026-10-01' + d::integer, 1, 9 from range(20) as days (d)"
    )
    check = judged_feed(warehouse, "busy", FeedExpectation("rows_vs_same_weekday", at_most=2))
    assert check.observed.endswith("2026-10-12 (9) and 8 more, of 20 days")
    assert check.n_unexpected == 20


def test_a_feed_called_like_sql_is_judged_like_any_other(warehouse: Warehouse) -> None:
    name = "x\"'; drop table ops.feeds; --{{7*7}}"
    warehouse.append("ops.feeds", [{"source": name, "n_read": 7}])
    check = judged_feed(warehouse, name, FeedExpectation("rows_read", at_most=6))
    assert (check.subject, check.observed, check.is_met) == (name, "7", False)


@pytest.mark.parametrize(
    ("check", "rows", "observed", "is_met"),
    [
        ({"expect": "unique", "columns": ["path"]}, ["'a', 1, 0, 1", "'b', 1, 0, 1"], "0 of 2 rows share", True),
        ({"expect": "unique", "columns": ["path"]}, ["'a', 1, 0, 1", "'a', 2, 0, 1"], "2 of 2 rows share", False),
        ({"expect": "unique", "columns": ["path", "week"]}, ["'a', 1, 0, 1", "'a', 2, 0, 1"], "0 of 2 rows", True),
        ({"expect": "unique", "columns": ["path", "week"]}, ["'a', 1, 0, 1"] * 3, "3 of 3 rows", False),
        ({"expect": "not_null", "columns": ["path", "n"]}, ["'a', null, 0, 1"], "0 of 2 values empty", True),
        ({"expect": "not_null", "columns": ["path", "n"]}, ["null, 1, 0, null"], "2 of 2 values empty", False),
        ({"expect": "not_null", "columns": ["path", "n"]}, ["null, 1, 0, 1"], "1 of 2 values empty", False),
        ({"expect": "not_null", "columns": ["path", "n"]}, ["'a', 1, 0, null"], "1 of 2 values empty", False),
        ({"expect": "between", "column": "share", "at_least": 0, "at_most": 1}, ["'a', 1, 1, 1"], "0 of 1", True),
        ({"expect": "between", "column": "share", "at_least": 0, "at_most": 1}, ["'a', 1, 1.01, 1"], "1 of 1", False),
        ({"expect": "between", "column": "share", "at_least": 0}, ["'a', 1, null, 1"], "0 of 0", True),
        ({"expect": "between", "column": "share", "at_least": 0}, ["'a', 1, 'nan', 1"], "1 of 1", False),
        ({"expect": "between", "column": "share", "at_most": 0}, ["'a', 1, '-infinity', 1"], "1 of 1", False),
        ({"expect": "between", "column": "n", "at_least": 1}, ["'a', 1, 1, 0", "'b', 1, 1, 1"], "1 of 2", False),
        ({"expect": "values", "column": "path", "values": ["a", "b"]}, ["'a', 1, 0, 1"], "0 of 1", True),
        ({"expect": "values", "column": "path", "values": ["b"]}, ["'a', 1, 0, 1"], "1 of 1 values not", False),
        ({"expect": "values", "column": "week", "values": [1, 2]}, ["'a', 1, 0, 1", "'a', null, 0, 1"], "0 of 1", True),
        ({"expect": "unique", "columns": ["path"]}, [], "0 of 0 rows share", True),
        ({"expect": "between", "column": "share", "at_least": 0}, [], "0 of 0", True),
    ],
)
@pytest.mark.parametrize("small_table", [judge.SMALL_TABLE, -1], ids=["as a frame", "counted in SQL"])
def test_a_table_is_held_to_its_checks_whether_small_or_large(
    warehouse: Warehouse,
    monkeypatch: pytest.MonkeyPatch,
    small_table: int,
    check: dict[str, Any],
    rows: list[str],
    observed: str,
    is_met: bool,
) -> None:
    monkeypatch.setattr(judge, "SMALL_TABLE", small_table)
    result = judged_mart(warehouse, *rows, **check)
    assert result.is_met is is_met
    assert result.observed.startswith(observed)


def test_an_offending_row_is_shown_with_its_key(warehouse: Warehouse) -> None:
    warehouse.execute("create table marts.shares as select 'a' as id, 0.4 as share union all select 'b', 1.5")
    checks = [
        ModelCheck("marts.shares", "unique", columns=("id",)),
        ModelCheck("marts.shares", "between", column="share", at_most=1),
    ]
    results = judge_marts(warehouse, {"marts.shares": checks}, [])
    assert results[1].sample == "id=b, share as number=1.5"


def test_the_rows_shown_are_the_first_in_the_order_of_their_values(warehouse: Warehouse) -> None:
    warehouse.execute("create table marts.shares as select 9 - i as n from range(9) as rows (i)")
    checks = [ModelCheck("marts.shares", "between", column="n", at_most=0)]
    (result,) = judge_marts(warehouse, {"marts.shares": checks}, [])
    assert result.sample == "; ".join(f"n as number={n}.0" for n in range(1, 6))


def test_a_table_with_lists_and_structs_is_judged_by_its_plain_columns(warehouse: Warehouse) -> None:
    warehouse.execute(
        "create table journeys.journeys as select 'j' as journey_id, ['a', 'b'] as path, {'x': 1} as more"
    )
    checks = [ModelCheck("journeys.journeys", "unique", columns=("journey_id",))]
    (result,) = judge_marts(warehouse, {"journeys.journeys": checks}, [])
    assert (result.is_met, result.scope) == (True, "model")


def test_a_question_without_offending_rows_is_met(warehouse: Warehouse) -> None:
    (result,) = judge_marts(
        warehouse, {}, [SqlCheck("sums", "Do the sums hold?", "fail", "select 1 as x where false;\n")]
    )
    assert (result.is_met, result.expectation, result.observed) == (True, "Do the sums hold?", "0 offending rows")


def test_a_question_with_offending_rows_shows_the_first_of_them(warehouse: Warehouse) -> None:
    sql = "select 9 - n as n, 'x' as why from range(7) as seven (n) -- a comment at the end"
    (result,) = judge_marts(warehouse, {}, [SqlCheck("sums", "Do the sums hold?", "warn", sql)])
    assert (result.is_met, result.n_unexpected, result.level) == (False, 7, "warn")
    assert result.sample == "n=3, why=x; n=4, why=x; n=5, why=x; n=6, why=x; n=7, why=x"


def test_row_rules_and_great_expectations_refuse_the_same_rows(warehouse: Warehouse) -> None:
    warehouse.execute("""
        create table journeys.answers as
        select
            case when i % 97 = 0 then null else 'e' || (i // (case when i % 50 = 0 then 2 else 1 end)) end as event_id,
            case when i % 13 = 0 then 11 + i % 3 when i % 31 = 0 then null else i % 11 end as score,
            case i % 7 when 0 then 'push' when 1 then null else 'chat' end as channel
        from range(3000) as rows (i)
    """)
    refused = warehouse.rows("""
        select
            count(*) filter (where event_id is null) as no_id,
            count(*) filter (where score < 0 or score > 10) as outside_the_scale,
            count(*) filter (where channel not in ('chat', 'email')) as new_channel
        from journeys.answers
    """)[0]
    results = judge_marts(
        warehouse,
        {
            "journeys.answers": [
                ModelCheck("journeys.answers", "not_null", columns=("event_id",)),
                ModelCheck("journeys.answers", "between", column="score", at_least=0, at_most=10),
                ModelCheck("journeys.answers", "values", column="channel", values=("chat", "email")),
            ]
        },
        [],
    )
    assert [result.n_unexpected for result in results] == list(refused.values())
    assert min(refused.values()) > 0


def test_frames_and_counts_agree_on_an_untidy_table(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    warehouse.execute("""
        create table marts.untidy as
        select
            case when i % 17 = 0 then null else i % 400 end as id,
            case when i % 23 = 0 then null else chr((65 + i % 5)::integer) end as kind,
            case when i % 29 = 0 then 'nan'::double when i % 37 = 0 then 'infinity'::double
                when i % 41 = 0 then null else (i % 130) / 100.0 end as share,
            i % 2 = 0 as is_even
        from range(1000) as rows (i)
    """)
    checks = [
        ModelCheck("marts.untidy", "unique", columns=("id",)),
        ModelCheck("marts.untidy", "unique", columns=("id", "kind")),
        ModelCheck("marts.untidy", "not_null", columns=("id", "kind", "share")),
        ModelCheck("marts.untidy", "between", column="share", at_least=0, at_most=1),
        ModelCheck("marts.untidy", "between", column="share", at_least=0.5),
        ModelCheck("marts.untidy", "values", column="kind", values=("A", "B")),
        ModelCheck("marts.untidy", "values", column="is_even", values=(True,)),
    ]
    framed = judge_marts(warehouse, {"marts.untidy": checks}, [])
    monkeypatch.setattr(judge, "SMALL_TABLE", 0)
    counted = judge_marts(warehouse, {"marts.untidy": checks}, [])
    assert [check.observed for check in framed] == [check.observed for check in counted]
    assert not any(check.is_met for check in framed)


def test_results_are_written_to_ops_checks_and_replaced_when_judged_again(warehouse: Warehouse) -> None:
    expectations = {"web": [FeedExpectation("rows_read", at_least=1), FeedExpectation("rows_read", at_most=9)]}
    judge_feeds(warehouse, expectations)
    judge_marts(warehouse, {}, [SqlCheck("sums", "Do the sums hold?", "fail", "select 1 as one")])
    judge_feeds(warehouse, expectations)
    written = warehouse.rows("select check_id, is_met, n_unexpected from ops.checks order by check_id")
    assert [tuple(row.values()) for row in written] == [
        ("feed:web:rows_read", True, 0),
        ("feed:web:rows_read:2", False, 1),
        ("model:sums", False, 1),
    ]


def test_the_same_expectation_given_twice_is_judged_twice(warehouse: Warehouse) -> None:
    twice = [FeedExpectation("rows_read", at_most=9)] * 2
    assert [check.is_met for check in judge_feeds(warehouse, {"web": twice})] == [False, False]


def test_nothing_expected_is_nothing_judged_and_clears_what_was(warehouse: Warehouse) -> None:
    judge_feeds(warehouse, {"web": [FeedExpectation("rows_read", at_least=1)]})
    assert judge_feeds(warehouse, {}) == []
    assert judge_marts(warehouse, {}, []) == []
    assert warehouse.scalar("select count(*) from ops.checks") == 0


def check(level: str, is_met: bool) -> Check:
    return Check("c", "feed", "web", "rows_read", level, is_met, "", "", 0, "")


@pytest.mark.parametrize(
    ("checks", "word"),
    [
        ([], "ok"),
        ([check("fail", True), check("warn", True)], "ok"),
        ([check("fail", True), check("warn", False)], "warn"),
        ([check("freeze", False)], "warn"),
        ([check("warn", False), check("fail", False)], "fail"),
    ],
)
def test_the_worst_unmet_level_gives_the_verdict(checks: list[Check], word: str) -> None:
    assert verdict(checks) == word


def test_a_failing_fail_check_gives_the_verdict_fail(warehouse: Warehouse) -> None:
    checks = judge_feeds(warehouse, {"web": [FeedExpectation("refused_share", at_most=0.001, otherwise="fail")]})
    assert verdict(checks) == "fail"


def test_the_results_table_says_what_its_columns_mean(warehouse: Warehouse) -> None:
    judge_feeds(warehouse, {"web": [FeedExpectation("rows_read", at_least=1)]})
    columns = warehouse.rows("select column_name, comment from duckdb_columns() where table_name = 'checks'")
    assert {row["column_name"] for row in columns} == set(Check.__dataclass_fields__)
    assert all(row["comment"] for row in columns)


def test_judging_prints_nothing_writes_no_file_and_opens_no_connection(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import sys
        seen = []
        def watch(event, arguments):
            if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
                if not str(arguments[0]).startswith("/dev/null") and "__pycache__" not in str(arguments[0]):
                    seen.append(("wrote", str(arguments[0])))
            elif event in ("socket.connect", "socket.getaddrinfo", "os.mkdir", "subprocess.Popen", "sqlite3.connect"):
                seen.append((event, str(arguments)))
        sys.dont_write_bytecode = True
        sys.addaudithook(watch)
        from journey_analytics.facts.expectations import FeedExpectation, SqlCheck
        from journey_analytics.judge import judge_feeds, judge_marts
        from journey_analytics.warehouse import in_memory
        house = in_memory()
        house.execute(OPS)
        judge_feeds(house, {"web": [FeedExpectation("rows_read", at_most=1)]})
        judge_marts(house, {}, [SqlCheck("sums", "Do they hold?", "fail", "select 1 as one")])
        assert house.scalar("select count(*) from ops.checks where not is_met") == 2
        assert not seen, seen
    """)
    script = f"OPS = {OPS!r}\n{script}"
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_warming_up_imports_the_library_beside_other_work() -> None:
    thread = judge.warm_up()
    thread.join()
    assert "great_expectations" in sys.modules
