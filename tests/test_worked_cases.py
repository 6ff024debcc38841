"""Every worked case of tests/sql: given these few rows, the model's own SELECT returns those rows.

A case names the model (or a question of sql/checks), the rows it is given and the rows expected; rows name only the
columns that matter. Columns that a given row leaves out are NULL, tables that a case leaves out are empty, and `build`
names models that are built from the given rows first. Expected rows are exact in number, in any order unless the case
says `ordered: true`.

What a case leaves unsaid is as in USUAL_SETTINGS and USUAL_STAGES.
"""

from __future__ import annotations

import datetime
import functools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from journey_analytics import ledger, rules, warehouse
from journey_analytics.build import models
from journey_analytics.facts.expressions import quoted
from journey_analytics.facts.feeds import Source
from journey_analytics.facts.yamlfile import read_yaml
from journey_analytics.identity import components
from journey_analytics.landing.contract import landing_columns
from journey_analytics.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "sql"
KEYS = {"case", "model", "settings", "given", "build", "expect", "ordered"}

DAY = 86_400
USUAL_SETTINGS: Mapping[str, Any] = {
    "as_of": datetime.datetime(2026, 6, 1),
    "journey_gap_days": 30.0,
    "session_gap_minutes": 30.0,
    "judged_days": None,
    "after_sale_days": 60.0,
    "out_of_order_days": 2.0,
    "survey_link_hours": 72.0,
    "contact_hours": 72.0,
    "contact_channel": "support",
    "complaint_days": 7.0,
    "bot_events_per_minute": None,
    "device_shared_above": 1,
    "email_shared_above": 3,
    "order_shared_above": 1,
    "ticket_shared_above": 1,
    "hub_above": 1000,
    "placeholder_ids": ["", "null", "anonymous"],
    "min_cell": 10,
    "shop_currency": "EUR",
    "conversion_stage_position": 4,
    "path_length": 8,
    "path_rows": 200,
    "minor_units": {"JPY": 1, "KWD": 1000},
    "rule_properties": [],
}
USUAL_STAGES = [
    {"stage": "awareness", "position": 1, "within_seconds": 14 * DAY},
    {"stage": "consideration", "position": 2, "within_seconds": 14 * DAY},
    {"stage": "decision", "position": 3, "within_seconds": 7 * DAY},
    {"stage": "purchase", "position": 4, "within_seconds": 1 * DAY},
    {"stage": "post_purchase", "position": 5, "within_seconds": 60 * DAY},
]
MADE_BY_PYTHON = {
    "journeys.identity_components": "id_number integer, component_number integer, component_edge integer, "
    "n_ids bigint, kept_number integer, union_edge integer, n_kept_ids bigint, n_absorbed_ids bigint, "
    "n_kept_events bigint, n_absorbed_events bigint",
    "journeys.journey_segments": "journey_id varchar, segment varchar",
    "staging.feed_rows": "source varchar, happened_at timestamp, is_required boolean",
    "staging.feeds": "source varchar, is_required boolean",
}

Case = dict[str, Any]
Row = Mapping[str, Any]


def worked_cases() -> Iterator[Case]:
    for path in sorted(CASES.glob("*.yml")):
        yield from yaml.safe_load(path.read_text(encoding="utf-8"))


@functools.cache
def every_model() -> dict[str, models.Model]:
    return models.discover([ROOT / "sql"])


def sql_of(name: str) -> str:
    """The SELECT of a model such as journeys.touches, or of a question such as checks.promises_add_up."""
    model = every_model().get(name)
    return model.sql if model else (ROOT / "sql" / f"{name.replace('.', '/')}.sql").read_text(encoding="utf-8")


@functools.cache
def empty_shop() -> Warehouse:
    """Every table that a model reads or makes, without rows: some as declared, the others as their models make them."""
    shop = warehouse.in_memory()
    shop.execute("attach ':memory:' as work")
    ledger.ensure(shop)
    for schema in ("landing", "staging", "rules", "ops", "journeys", "marts"):
        shop.execute(f"create schema {schema}")
    for name, columns in rules.SCHEMAS.items():
        shop.execute(f"create table rules.{name} ({columns})")
    for path in sorted((ROOT / "pipelines" / "sources").rglob("*.yml")):
        source = Source.model_validate(read_yaml(path).value)
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in landing_columns(source).items())
        shop.execute(f"create table landing.{source.source} ({columns})")
    for table, columns in MADE_BY_PYTHON.items():
        shop.execute(f"create table {table} ({columns})")
    for table in ("ops.loads", "ops.rejects"):
        shop.execute(f"create table {table} as from work.{table}")
    set_settings(shop, {})
    for table in models.build_order(every_model()):
        if table == "staging.events":
            canonical = ", ".join(
                "null::timestamp as loaded_at" if name == "loaded_at" else name for name in models.CANONICAL
            )
            shop.execute(f"create table staging.events as select {canonical} from staging.stg_web")
        elif table in every_model():
            model = every_model()[table]
            kind = "view" if table.startswith("staging.") else "table"
            shop.execute(f"create {kind} {table} as {model.sql}")
            if kind == "table":
                shop.execute(f"delete from {table}")
            for bound in (name for interval in model.notes.intervals for name in (interval.low, interval.high)):
                shop.execute(f"alter table {table} add column {bound} double")
    return shop


def set_settings(shop: Warehouse, settings: Row) -> None:
    unknown = set(settings) - set(USUAL_SETTINGS)
    assert not unknown, f"no such setting: {unknown}"
    values = {**USUAL_SETTINGS, **settings}
    for name, usual in USUAL_SETTINGS.items():
        if isinstance(usual, float) and values[name] is not None:
            values[name] = float(values[name])
    values["as_of"] = moment(values["as_of"])
    rules.set_variables(shop, values)
    for name in ("judged_days", "bot_events_per_minute"):
        shop.execute(f"set variable {name} = $1::double", [values[name]])


def moment(value: datetime.date) -> datetime.datetime:
    return value if isinstance(value, datetime.datetime) else datetime.datetime(value.year, value.month, value.day)


def answer(case: Case) -> list[dict[str, Any]]:
    """What the case's model returns for the rows that the case gives."""
    shop = empty_shop()
    given = {"rules.stages": USUAL_STAGES, **case.get("given", {})}
    set_settings(shop, case.get("settings", {}))
    shop.execute("begin")
    try:
        for table, rows in given.items():
            for row in rows or []:
                insert(shop, table, row)
        for table in case.get("build", []):
            if table == components.TABLE:
                components.components(shop)
            else:
                shop.execute(f"insert into {table} by name {every_model()[table].sql}")
        return shop.rows(sql_of(case["model"]))
    finally:
        shop.execute("rollback")


def insert(shop: Warehouse, table: str, row: Row) -> None:
    names = ", ".join(quoted(name) for name in row)
    marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    shop.execute(f"insert into {table} ({names}) values ({marks})", [given_value(value) for value in row.values()])


def given_value(value: Any) -> Any:
    return moment(value) if isinstance(value, datetime.date) else value


def differences(found: Sequence[Row], expected: Sequence[Row], *, ordered: bool = False) -> list[str]:
    """What is wrong with the rows found; nothing when each is one of those expected, and none is left over."""
    known = set(found[0]) if found else None
    wrong = [f"no column {name}" for row in expected for name in row if known is not None and name not in known]
    if wrong:
        return wrong
    if ordered:
        pairs = list(zip(found, expected, strict=False))
        wrong = [f"expected {expects}, found {shown(row, expects)}" for row, expects in pairs if not fits(row, expects)]
    else:
        partners = matching(found, expected)
        named = sorted({name for row in expected for name in row})
        wrong = [f"nothing is {row}" for number, row in enumerate(expected) if number not in partners.values()]
        wrong += [f"not expected: {shown(row, named)}" for number, row in enumerate(found) if number not in partners]
    if len(found) != len(expected):
        wrong.append(f"expected {len(expected)} rows, found {len(found)}")
    return wrong


def matching(found: Sequence[Row], expected: Sequence[Row]) -> dict[int, int]:
    """Which expected row each found row stands for, as many as can be (augmenting paths: rows may name few columns)."""
    partner: dict[int, int] = {}  # found row -> expected row

    def place(wanted: int, tried: set[int]) -> bool:
        for number, row in enumerate(found):
            if number not in tried and fits(row, expected[wanted]):
                tried.add(number)
                if number not in partner or place(partner[number], tried):
                    partner[number] = wanted
                    return True
        return False

    for wanted in range(len(expected)):
        place(wanted, set())
    return partner


def fits(row: Row, expects: Row) -> bool:
    return all(same(row[name], value) for name, value in expects.items())


def same(found: Any, expected: Any) -> bool:
    if isinstance(found, datetime.datetime) and isinstance(expected, datetime.date):
        return found == moment(expected)
    if isinstance(found, bool) or isinstance(expected, bool) or found is None or expected is None:
        return found is expected
    if isinstance(found, int | float | Decimal) and isinstance(expected, int | float):
        return math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(found, str) and found.startswith("{") and isinstance(expected, str):
        return json.loads(found) == json.loads(expected)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return bool(found == expected) if isinstance(expected, type(found)) else str(found) == str(expected)


def shown(row: Row, names: Any) -> dict[str, Any]:
    return {name: row[name] for name in names}


@pytest.mark.parametrize("case", [pytest.param(case, id=case["case"]) for case in worked_cases()])
def test_the_model_returns_what_a_person_worked_out(case: Case) -> None:
    assert set(case) <= KEYS, "a case is made of these"
    wrong = differences(answer(case), case["expect"], ordered=case.get("ordered", False))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("question", [path.stem for path in sorted((ROOT / "sql" / "checks").glob("*.sql"))])
def test_a_check_finds_nothing_in_an_empty_shop_and_something_in_a_case(question: str) -> None:
    found = [bool(case["expect"]) for case in worked_cases() if case["model"] == f"checks.{question}"]
    assert not empty_shop().rows(sql_of(f"checks.{question}"))
    assert any(found), "a case shows what it finds"


def test_every_case_is_a_sentence_of_its_own() -> None:
    sentences = [case["case"] for case in worked_cases()]
    assert len(sentences) == len(set(sentences))


def test_every_model_runs_on_an_empty_shop() -> None:
    rows = {table: empty_shop().rows(model.sql) for table, model in every_model().items()}
    assert {table for table, found in rows.items() if found} == {"journeys.segments"}, "only 'all' is always there"


@pytest.mark.parametrize(
    ("found", "expected", "ordered"),
    [
        pytest.param([{"n": 1}], [], False, id="a row too many"),
        pytest.param([], [{"n": 1}], False, id="a row missing"),
        pytest.param([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 1}], False, id="one row cannot stand for two"),
        pytest.param([{"n": 0}], [{"n": False}], False, id="no is not zero"),
        pytest.param([{"n": None}], [{"n": 0}], False, id="unknown is not zero"),
        pytest.param([{"n": 1}], [{"m": 1}], False, id="a column that is not there"),
        pytest.param([{"n": 1}, {"n": 2}], [{"n": 2}, {"n": 1}], True, id="the wrong order"),
    ],
)
def test_a_case_fails_when_the_rows_differ(found: list[Row], expected: list[Row], ordered: bool) -> None:
    assert differences(found, expected, ordered=ordered)


def test_rows_that_name_few_columns_are_matched_wherever_that_is_possible() -> None:
    found = [{"n": 1, "m": 1}, {"n": 1, "m": 2}]
    assert not differences(found, [{"n": 1}, {"n": 1, "m": 1}])
