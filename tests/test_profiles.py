"""The SQL behind the model checks: names that look like SQL stay names."""

from __future__ import annotations

from journey_analytics.facts.expectations import ModelCheck
from journey_analytics.profiles import count_sql, frame_sql, rendered_name
from journey_analytics.warehouse import in_memory

NAME = 'share"; drop table marts.odd; --'


def test_a_column_called_like_sql_is_counted_and_fetched_like_any_other() -> None:
    house = in_memory()
    quoted = '"' + NAME.replace('"', '""') + '"'
    house.execute("create schema marts")
    house.execute(f"create table marts.odd as select 2.0 as {quoted}")
    checks = [ModelCheck("marts.odd", "between", column=NAME, at_most=1)]
    assert house.rows(count_sql("marts.odd", checks)) == [{"n_rows": 1, "unexpected_0": 1, "judged_0": 1}]
    assert house.rows(frame_sql("marts.odd", checks)) == [{rendered_name(checks[0], NAME): 2.0}]


def test_an_allowed_value_with_a_quote_in_it_stays_a_value() -> None:
    house = in_memory()
    house.execute("create schema marts")
    house.execute("create table marts.odd as select 'it''s' as kind")
    checks = [ModelCheck("marts.odd", "values", column="kind", values=("it's",))]
    assert house.rows(count_sql("marts.odd", checks)) == [{"n_rows": 1, "unexpected_0": 0, "judged_0": 1}]


def test_one_column_asked_about_in_three_ways_is_fetched_in_three_renderings() -> None:
    checks = [
        ModelCheck("marts.odd", "unique", columns=("n",)),
        ModelCheck("marts.odd", "between", column="n", at_least=0),
        ModelCheck("marts.odd", "not_null", columns=("n",)),
    ]
    house = in_memory()
    house.execute("create schema marts")
    house.execute("create table marts.odd as select 'nan'::double as n")
    (row,) = house.rows(frame_sql("marts.odd", checks))
    assert list(row) == ["n", "n as number", "n is filled"]
    assert (row["n as number"], row["n is filled"]) == (float("inf"), 1)
