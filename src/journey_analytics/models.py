"""`sql/` to tables: which models there are, in which order they are built, and what their columns mean.

A model is one SELECT in `sql/<schema>/<name>.sql` with a `.yml` beside it. The order is read from the SQL. Intervals
that a `.yml` declares are added here from `stats`, so that no formula stands in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, ValidationError

from journey_analytics import identity, ledger, rules, stats
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expectations import ModelCheck, SqlCheck
from journey_analytics.facts.expressions import checked_condition, quoted, referenced_tables
from journey_analytics.facts.fields import Strict
from journey_analytics.facts.journeymap import SEGMENT_COLUMNS
from journey_analytics.facts.yamlfile import read_yaml
from journey_analytics.landing.contract import happened_at
from journey_analytics.warehouse import SqlError, Warehouse

SEGMENTS_TABLE = "journeys.journey_segments"
GENERATED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    identity.TABLE: (
        "One row per id: the name of the component of linked ids it belongs to.",
        {"id": "An id with its kind before it, such as user:4711", "component": "The customer's name: its first id"},
    ),
    SEGMENTS_TABLE: (
        "One row per journey and segment; every journey is in the segment 'all'.",
        {"journey_id": "The journey", "segment": "A segment of the journey map, or all"},
    ),
}
"""Tables that Python writes: what one row is, and what the columns mean."""
PUBLISHED_SCHEMAS = ("journeys", "marts", "rules", "ops")
"""Schemas of the published file; `landing` and `staging` are views that only the night sees."""


class Interval(Strict):
    """Two columns that the build adds: the bounds of an estimate."""

    of: str
    low: str
    high: str
    good: str
    n: str
    bad: str | None = None
    method: str = Field(pattern="^(wilson|nps)$")


class Check(Strict):
    """An expectation of the finished table."""

    expect: str
    columns: tuple[str, ...] = ()
    column: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    values: tuple[str, ...] = Field(default=(), alias="in")
    otherwise: str = "fail"


class Notes(Strict):
    """The `.yml` beside a model: what a row is and what every column means."""

    description: str
    columns: dict[str, str]
    key: tuple[str, ...] = ()
    intervals: tuple[Interval, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class Model:
    """One model: its table, its SELECT, its notes, and the tables it reads."""

    table: str
    path: Path
    sql: str
    notes: Notes
    reads: frozenset[str]

    @property
    def header(self) -> str:
        """The comment that opens the file, without its dashes."""
        lines = []
        for line in self.sql.splitlines():
            if not line.startswith("--"):
                break
            lines.append(line.removeprefix("--").removeprefix(" "))
        return "\n".join(lines).strip()


def discover(folders: Sequence[Path]) -> dict[str, Model]:
    """Every model below the folders, by table name; a later folder's model replaces an earlier one of the same name.

    Raises
    ------
    ConfigError : a model has no `.yml`, or one that breaks its form
    """
    models: dict[str, Model] = {}
    for folder in folders:
        for path in sorted(folder.glob("*/*.sql")):
            if path.parent.name != "checks":
                table = f"{path.parent.name}.{path.stem}"
                sql = path.read_text(encoding="utf-8").rstrip().removesuffix(";")
                models[table] = Model(table, path, sql, read_notes(path.with_suffix(".yml")), referenced_tables(sql))
    return models


def read_notes(path: Path) -> Notes:
    """Read the `.yml` beside a model."""
    if not path.is_file():
        raise ConfigError(
            "is missing: every model says what its columns mean", where=f"{path.parent.name}/{path.name}", do="write it"
        )
    document = read_yaml(path)
    try:
        return Notes.model_validate(document.value or {})
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ConfigError(
            f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", where=document.where(problem["loc"])
        ) from error


def checks_of(models: Mapping[str, Model]) -> dict[str, list[ModelCheck]]:
    """What the models' notes expect of the finished tables, for `judge`."""
    found: dict[str, list[ModelCheck]] = {}
    for table, model in models.items():
        wanted = [
            ModelCheck(
                table,
                check.expect,
                check.columns,
                check.column,
                check.at_least,
                check.at_most,
                check.values,
                check.otherwise,
            )
            for check in model.notes.checks
        ]
        if wanted and not table.startswith("staging."):
            found[table] = wanted
    return found


def sql_checks(folders: Sequence[Path]) -> list[SqlCheck]:
    """The questions of `sql/checks/`: each returns offending rows."""
    checks: dict[str, SqlCheck] = {}
    for folder in folders:
        for path in sorted((folder / "checks").glob("*.sql")):
            sql = path.read_text(encoding="utf-8").rstrip().removesuffix(";")
            said = {
                key.strip(): value.strip()
                for key, _, value in (line[2:].partition(":") for line in sql.splitlines() if line.startswith("--"))
            }
            checks[path.stem] = SqlCheck(path.stem, said.get("Question", path.stem), said.get("Level", "fail"), sql)
    return list(checks.values())


def build_order(models: Mapping[str, Model], wanted: Collection[str] | None = None) -> list[str]:
    """The tables in an order in which each finds what it reads; with `wanted`, only those and what they need."""
    reads: dict[str, frozenset[str]] = {table: model.reads for table, model in models.items()}
    reads[identity.TABLE] = identity.READS
    reads[SEGMENTS_TABLE] = frozenset({"journeys.journeys"})
    reads["staging.events"] = frozenset(table for table in models if table.startswith("staging."))
    graph = {table: [source for source in sources if source in reads] for table, sources in reads.items()}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ConfigError(
            f"models read each other in a circle: {' → '.join(error.args[1])}", do="break the circle"
        ) from error
    if wanted is None:
        return order
    needed: set[str] = set()
    pending = [table for table in order if table in wanted]
    while pending:
        table = pending.pop()
        if table not in needed:
            needed.add(table)
            pending.extend(graph[table])
    return [table for table in order if table in needed]


def prepare(warehouse: Warehouse, project: Project, models: Mapping[str, Model], as_of: datetime) -> None:
    """Fill the empty publication with what models read: rules, ledger, landing and staging."""
    rules.load(warehouse, project.journey, as_of)
    for schema in ("landing", "staging", "journeys", "marts", "ops"):
        warehouse.execute(f"create schema if not exists {schema}")
    for table in ("loads", "rejects"):
        warehouse.execute(f"create or replace table ops.{table} as from work.ops.{table} order by all")
        warehouse.execute(f"comment on table ops.{table} is {_text(ledger.COMMENTS[table])}")
    for name in project.sources:
        warehouse.execute(f"create or replace view landing.{quoted(name)} as from work.landing.{quoted(name)}")
        model = models.get(f"staging.stg_{name}")
        if model is None:
            raise ConfigError(
                f"the source '{name}' has no staging model", where=f"sql/staging/stg_{name}.sql",
                allowed="one SELECT from landing." + name, do="write it in the project's sql/staging/ folder",
            )  # fmt: skip
        _create(warehouse, "view", model)
        _check_canonical(warehouse, model)
    _create_unions(warehouse, project)


def _check_canonical(warehouse: Warehouse, model: Model) -> None:
    """Every staging model ends in the same columns, so that feeds can be put together."""
    present = {row["column_name"] for row in warehouse.rows(f"select column_name from (describe {model.table})")}
    missing = [name for name in CANONICAL if name != "loaded_at" and name not in present]
    if missing:
        raise ConfigError(
            f"lacks the column {', '.join(missing)}",
            where=f"{model.path.parent.name}/{model.path.name}",
            allowed=", ".join(name for name in CANONICAL if name != "loaded_at"),
            do="add it to the SELECT; a feed that has none says null::<type> as <column>",
        )


def _create_unions(warehouse: Warehouse, project: Project) -> None:
    """`staging.events`: the events of every feed that is on. `staging.feed_rows`: the landed rows, by their time."""
    canonical = ", ".join(f"events.{name}" if name != "loaded_at" else "loads.loaded_at" for name in CANONICAL)
    events = " union all ".join(f"select * from staging.stg_{name}" for name in project.sources)
    warehouse.execute(
        f"create or replace view staging.events as select {canonical} from ({events}) as events "
        "left join ops.loads as loads on loads.file_id = events.file_id"
    )
    rows = " union all ".join(
        f"select {_text(name)} as source, {happened_at(source)} as happened_at, "
        f"{str(source.required).lower()} as is_required from landing.{quoted(name)}"
        for name, source in project.sources.items()
    )
    feeds = ", ".join(f"({_text(name)}, {str(source.required).lower()})" for name, source in project.sources.items())
    warehouse.execute(f"create or replace view staging.feed_rows as {rows}")
    warehouse.execute(f"create or replace view staging.feeds as from (values {feeds}) as feeds (source, is_required)")


CANONICAL = (
    "source", "event_id", "event_name", "event_at", "received_at", "loaded_at", "anonymous_id", "user_id", "email_key",
    "session_hint", "path", "referrer", "utm_source", "utm_medium", "utm_campaign", "device", "country", "order_id",
    "ticket_id", "revenue_minor", "currency", "score", "score_kind", "invitation_id", "comment", "properties",
    "file_id", "row_number",
)  # fmt: skip


def build(
    warehouse: Warehouse, project: Project, models: Mapping[str, Model], tables: Sequence[str],
    told: Callable[[str], None] = lambda table: None,
) -> None:  # fmt: skip
    """Build tables in the order given; staging views exist already and are passed over."""
    for table in tables:
        if table.startswith("staging."):
            continue
        told(table)
        if table in GENERATED:
            if table == identity.TABLE:
                identity.components(warehouse)
            else:
                warehouse.execute(f"create or replace table {table} as {segments_query(project)}")
            _comment(warehouse, table, *GENERATED[table])
        else:
            _build_model(warehouse, models[table])


def _create(warehouse: Warehouse, kind: str, model: Model) -> None:
    """Create a table or view from a model's SELECT; SQL that DuckDB does not understand is a fault of the set-up."""
    try:
        warehouse.execute(f"create or replace {kind} {model.table} as {model.sql}")
    except SqlError as error:
        raise ConfigError(
            f"does not run: {str(error).splitlines()[0]}",
            where=f"{model.path.parent.name}/{model.path.name}",
            allowed="one SELECT that runs when pasted into DuckDB",
            do="mend the model; a column whose name is a word of SQL needs double quotes",
        ) from error


def _build_model(warehouse: Warehouse, model: Model) -> None:
    _create(warehouse, "table", model)
    for interval in model.notes.intervals:
        _add_interval(warehouse, model.table, interval)
    columns = dict(model.notes.columns)
    for interval in model.notes.intervals:
        bound = {"wilson": "Wilson", "nps": "adjusted Wald"}[interval.method]
        columns.setdefault(interval.low, f"Lower {bound} 95 % bound of {interval.of}")
        columns.setdefault(interval.high, f"Upper {bound} 95 % bound of {interval.of}")
    _comment(warehouse, model.table, model.header or model.notes.description, columns)


def _add_interval(warehouse: Warehouse, table: str, interval: Interval) -> None:
    """Add two columns of bounds; null where nothing was observed."""
    counted = [interval.good, *([interval.bad] if interval.bad else []), interval.n]
    wanted = ", ".join(f"coalesce({quoted(name)}, 0)::double as {quoted(name)}" for name in counted)
    frame = warehouse.frame(f"select {wanted} from {table} order by rowid")
    good, trials = frame[interval.good].to_numpy(), frame[interval.n].to_numpy()
    if interval.method == "nps":
        low, high = stats.nps_interval(good, frame[str(interval.bad)].to_numpy(), trials)
    else:
        low, high = stats.wilson_interval(good, trials)
    with warehouse.offered_arrays(
        "interval_bounds", place=np.arange(len(frame)), low=np.asarray(low), high=np.asarray(high)
    ):
        warehouse.execute(f"""
            create or replace table {table} as
            with numbered as (select *, row_number() over (order by rowid) - 1 as place from {table})
            select numbered.* exclude (place),
                case when isnan(low) then null else low end as {quoted(interval.low)},
                case when isnan(high) then null else high end as {quoted(interval.high)}
            from numbered join interval_bounds using (place) order by place
        """)


def segments_query(project: Project) -> str:
    """The SELECT of `journeys.journey_segments`: the checked conditions of journey.yml over journeys.journeys."""
    parts = ["select journey_id, 'all' as segment from journeys.journeys"]
    for segment in project.journey.segments:
        condition = checked_condition(segment.where, SEGMENT_COLUMNS)
        parts.append(f"select journey_id, {_text(segment.id)} as segment from journeys.journeys where {condition}")
    return " union all ".join(parts)


def _comment(warehouse: Warehouse, table: str, header: str, columns: Mapping[str, str]) -> None:
    warehouse.execute(f"comment on table {table} is {_text(header)}")
    present = {row["column_name"] for row in warehouse.rows(f"select column_name from (describe {table})")}
    for name, meaning in columns.items():
        if name in present:
            warehouse.execute(f"comment on column {table}.{quoted(name)} is {_text(meaning)}")


def _text(text: Any) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def undocumented(models: Mapping[str, Model]) -> Iterator[str]:
    """Models whose file does not open with its grain."""
    for table, model in models.items():
        if "Grain: one row per" not in model.header:
            yield table
