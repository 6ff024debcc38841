"""A staging model says `incremental: row` where its SQL shows that a landed row gives its events by itself alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from journey_analytics.build.models import discover

ROOT = Path(__file__).resolve().parents[1]
STAGING = {name: model for name, model in discover([ROOT / "sql"]).items() if name.startswith("staging.")}
LOOKS_AT_OTHERS = (exp.Join, exp.Window, exp.AggFunc, exp.Group, exp.Distinct, exp.Limit, exp.Qualify, exp.Except)


def goes_row_by_row(sql: str) -> bool:
    """Whether a SELECT can be seen to look at one row of one landed feed at a time, and at nothing that moves on."""
    tree = sqlglot.parse_one(sql, read="duckdb")
    own = {cte.alias for cte in tree.find_all(exp.CTE)}
    tables = {(table.db, table.name) for table in tree.find_all(exp.Table) if table.name not in own}
    joins_only_its_own_lists = all(
        isinstance(join.this, exp.Unnest | exp.Lateral) and not join.args.get("side")
        for join in tree.find_all(exp.Join)
    )
    others = [kind for kind in LOOKS_AT_OTHERS if kind is not exp.Join]
    return (
        joins_only_its_own_lists
        and tree.find(*others) is None
        and {schema for schema, _ in tables} == {"landing"}
        and len(tables) == 1
        and "as_of" not in sql.split("select", 1)[1]
    )


@pytest.mark.parametrize("name", STAGING)
def test_a_staging_model_says_that_it_goes_row_by_row_where_its_sql_does_and_nowhere_else(name: str) -> None:
    assert (STAGING[name].notes.incremental == "row") == goes_row_by_row(STAGING[name].sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select max(at) as at from landing.web",
        "select id from landing.web qualify row_number() over (partition by id order by at) = 1",
        "select distinct id from landing.web",
        "select web.id from landing.web as web join landing.mail as mail on web.id = mail.id",
        "select id from landing.web where id in (select id from landing.mail)",
        "select id from landing.web where at < getvariable('as_of')",
        "select id from staging.stg_mail",
    ],
)
def test_a_select_that_looks_at_more_than_a_row_is_seen_to(sql: str) -> None:
    assert not goes_row_by_row(sql)


def test_a_row_may_give_several_events() -> None:
    assert goes_row_by_row("select id from landing.web where a union all select unnest(ids) from landing.web")
