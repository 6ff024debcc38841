"""Models to tables: what models read is offered, and each SELECT becomes a commented table.

Intervals that a `.yml` declares are added here from `stats`, so that no formula stands in SQL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from journey_analytics import ledger, repeats, rules, stats
from journey_analytics.build.models import CANONICAL, GENERATED, SEGMENTS_TABLE, Interval, Model
from journey_analytics.credit import table as credit
from journey_analytics.errors import ConfigError
from journey_analytics.facts.config import Project
from journey_analytics.facts.expressions import checked_condition, quoted
from journey_analytics.facts.journeymap import SEGMENT_COLUMNS
from journey_analytics.funnels import night as funnels
from journey_analytics.identity import components
from journey_analytics.landing.contract import happened_at
from journey_analytics.warehouse import SqlError, Warehouse


def prepare(warehouse: Warehouse, project: Project, models: Mapping[str, Model], as_of: datetime) -> None:
    """Fill the empty publication with what models read: rules, ledger, landing and staging."""
    rules.load(warehouse, project.journey, as_of)
    for schema in ("landing", "staging", "journeys", "marts", "ops"):
        warehouse.execute(f"create schema if not exists {schema}")
    for table in ("loads", "rejects", "load_notes", "erasures"):
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
            _generate(warehouse, project, table)
            _comment(warehouse, table, GENERATED[table].meaning, GENERATED[table].columns)
        else:
            _build_model(warehouse, models[table])


def _generate(warehouse: Warehouse, project: Project, table: str) -> None:
    """Build one of the tables that Python writes; those beside marts.funnel_steps come with it."""
    if table == components.TABLE:
        components.components(warehouse)
    elif table == credit.TABLE:
        credit.build(warehouse, project.journey.credit)
    elif table == repeats.TABLE:
        repeats.build(warehouse)
    elif table == funnels.TABLE:
        funnels.build(warehouse, project.journey.funnels)
    elif table == SEGMENTS_TABLE:
        warehouse.execute(f"create or replace table {table} as {segments_query(project)}")


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
    comment(warehouse, model)


def comment(warehouse: Warehouse, model: Model) -> None:
    """Write into the database what a model's rows and columns mean."""
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
    present = {row["column_name"] for row in warehouse.rows(f"select column_name from (describe {table})")}
    with warehouse.transaction():
        warehouse.execute(f"comment on table {table} is {_text(header)}")
        for name, meaning in columns.items():
            if name in present:
                warehouse.execute(f"comment on column {table}.{quoted(name)} is {_text(meaning)}")


def _text(text: Any) -> str:
    return "'" + str(text).replace("'", "''") + "'"
