"""Conditions that people write in YAML: sound ones are kept, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journey_analytics.facts.expressions import ExpressionError, checked_condition, quoted, referenced_tables

COLUMNS = ("total", "kind", "seen_at", "is_new")


@pytest.mark.parametrize(
    ("text", "sql"),
    [
        ("total < 0 or total > 10", "total < 0 OR total > 10"),
        ("kind in ('a', 'b') and not is_new", "kind IN ('a', 'b') AND NOT is_new"),
        ("kind is null", "kind IS NULL"),
        ("total between 1 and 5", "total BETWEEN 1 AND 5"),
        ("lower(kind) like 'x%'", "LOWER(kind) LIKE 'x%'"),
        ("seen_at < date '2026-01-01'", "seen_at < CAST('2026-01-01' AS DATE)"),
        ("(total + 1) * 2 > -3 -- a remark", "(total + 1) * 2 > -3"),
        ("is_new", "is_new"),
        ('"total" = 1', '"total" = 1'),
        ("kind = 'it''s; drop table x'", "kind = 'it''s; drop table x'"),
    ],
)
def test_a_sound_condition_is_kept_and_written_anew(text: str, sql: str) -> None:
    assert checked_condition(text, COLUMNS) == sql


def test_a_setting_stands_for_its_own_sql() -> None:
    condition = checked_condition("seen_at > as_of", COLUMNS, settings={"as_of": "getvariable('as_of')"})
    assert condition == "seen_at > GETVARIABLE('as_of')"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("total in (select 1)", "subquery"),
        ("exists (select 1)", "exists"),
        ("total = (select max(total) from work.landing.orders)", "subquery"),
        ("read_text('/etc/passwd') = 'x'", "read_text"),
        ("getenv('HOME') = 'x'", "getenv"),
        ("current_date > seen_at", "current_date"),
        ("random() > 0.5", "function"),
        ("getvariable('key_inner') = 'x'", "getvariable"),
        ("totl > 1", "did you mean 'total'"),
        ("zzz > 1", "may use"),
        ("orders.total > 1", "orders.total"),
        ("total > 1; drop table x", "condition"),
        ("total > 1 union select 1", "condition"),
        ("total >", "condition"),
        ("kind = 'x", "condition"),
        ("", "condition"),
        ("1", "not true or false"),
        ("total + 1", "not true or false"),
        ("'x'", "not true or false"),
        ("*", "star"),
        ("total = ?", "placeholder"),
        ("kind[1] = 'x'", "bracket"),
        ("case when is_new then true end", "case"),
        ("(" * 5000 + "is_new" + ")" * 5000, "condition"),
    ],
)  # fmt: skip
def test_what_is_more_than_a_comparison_is_refused_with_the_reason(text: str, said: str) -> None:
    with pytest.raises(ExpressionError) as refused:
        checked_condition(text, COLUMNS)
    assert said in str(refused.value)


@given(st.text(max_size=60))
def test_any_text_is_either_kept_or_refused(text: str) -> None:
    try:
        kept = checked_condition(text, COLUMNS)
    except ExpressionError:
        kept = ""
    assert ";" not in kept or "'" in kept or '"' in kept


def test_the_tables_of_a_select_are_read_from_its_syntax() -> None:
    sql = "with own as (select * from a.b) select * from own join c.d using (x) where x in (select y from e.f) -- g.h"
    assert referenced_tables(sql) == {"a.b", "c.d", "e.f"}


def test_a_quoted_name_cannot_end_itself() -> None:
    assert quoted('a"; drop table b; --') == '"a""; drop table b; --"'
