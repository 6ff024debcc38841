"""The touched customers' rows, built by the models' own SELECTs and put in the place of the old ones.

A model that says `incremental: customer` promises that a customer's rows depend on that customer's events and on what
is the same for everyone. So the same SELECT, run where `staging.events` holds the touched customers' events alone,
gives exactly those rows of the whole table that may have changed. It runs in `narrow`, a database in memory: there, a
model's own tables are small ones, and every other table is a view of the publication's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from journey_analytics.build import tables
from journey_analytics.build.changes import KEPT, find_customers
from journey_analytics.build.models import CANONICAL, Model, build_order
from journey_analytics.facts.config import Project
from journey_analytics.warehouse import Warehouse

EVENTS = "journeys.events"
SAME_FOR_ALL = frozenset(
    {"journeys.identity_owners", "journeys.identities", "journeys.bot_devices", "journeys.event_shapes"}
)
"""What a model may read besides a customer's rows and `rules.*`: where these change, customers are touched."""
_ID = {"source", "event_id"}


def patchable(models: Mapping[str, Model], order: Sequence[str]) -> list[str]:
    """The models of `order` that can be built for some customers alone; none where the events cannot.

    A model that reads more than the promise allows is built whole, whatever its `.yml` says: so is one that reads it.
    """
    narrow = {"staging.events"}
    for table in order:
        model = models.get(table)
        if model is None or model.notes.incremental != "customer":
            continue
        others = (name for name in model.reads - SAME_FOR_ALL if not name.startswith("rules."))
        if all(name in narrow for name in others):
            narrow.add(table)
    return [table for table in order if table in narrow - {"staging.events"}] if EVENTS in narrow else []


def around(
    models: Mapping[str, Model], order: Sequence[str], patched: Sequence[str]
) -> tuple[list[str], list[str]]:  # fmt: skip
    """The other tables of `order`: those that tell who is touched, and those that come after the patched ones."""
    needed = set(build_order(models, SAME_FOR_ALL | {read for table in patched for read in models[table].reads}))
    others = [table for table in order if table not in patched]
    return [table for table in others if table in needed], [table for table in others if table not in needed]


@contextmanager
def narrowed(warehouse: Warehouse, models: Mapping[str, Model], patched: Sequence[str]) -> Iterator[None]:
    """A small database in which `staging.events` are the touched customers' events, for the length of a block."""
    warehouse.execute("attach ':memory:' as narrow")
    try:
        for schema in ("staging", "rules", "ops", "journeys"):
            warehouse.execute(f"create schema narrow.{schema}")
        reads = {read for table in patched for read in models[table].reads}
        for read in sorted(reads - {*patched, "staging.events"}):
            warehouse.execute(f"create view narrow.{read} as from next.{read}")
        kept = ", ".join("null as comment" if name not in KEPT else f"events.{name}" for name in CANONICAL)
        warehouse.execute(f"""
            create table narrow.staging.events as
            select {kept} from journeys.events as events
            semi join customers_touched on events.customer_id = customers_touched.customer_id
            anti join events_gone on events.source = events_gone.source and events.event_id = events_gone.event_id
            union all
            select {", ".join(CANONICAL)} from events_come
        """)
        yield
    finally:
        warehouse.execute("detach narrow")


def patch(warehouse: Warehouse, model: Model) -> None:
    """Build a model for the touched customers, and put its rows in the place of theirs."""
    warehouse.execute("use narrow")
    try:
        warehouse.execute(f"create table {model.table} as {model.sql}")
    finally:
        warehouse.execute("use next")
    if model.notes.sorted:
        _merge(warehouse, model)
    else:
        _replace(warehouse, model)


def _replace(warehouse: Warehouse, model: Model) -> None:
    """Take the old rows out of the table, and put the new ones in."""
    with warehouse.transaction():
        warehouse.execute(f"delete from {model.table} where customer_id in (from customers_touched)")
        if set(model.notes.columns) >= _ID:
            warehouse.execute(
                f"""delete from {model.table} where customer_id is null and (source, event_id) in
                (select (source, event_id) from events_gone where customer_id is null)"""
            )
        warehouse.execute(f"insert into {model.table} by name from narrow.{model.table}")


def _merge(warehouse: Warehouse, model: Model) -> None:
    """Write the table anew in its order, from the rows that stay and the new ones: both are in it already."""
    gone = "false"
    if set(model.notes.columns) >= _ID:
        nobodys = "select (source, event_id) from events_gone where customer_id is null"
        gone = f"customer_id is null and (source, event_id) in ({nobodys})"
    warehouse.execute(f"""
        create or replace table {model.table} as
        with kept as (
            from {model.table} where coalesce(customer_id not in (from customers_touched), true) and not ({gone}))
        from kept union all by name from narrow.{model.table}
        order by {", ".join(model.notes.sorted)}
    """)
    tables.comment(warehouse, model)


def build_changed(
    warehouse: Warehouse, project: Project, models: Mapping[str, Model], order: Sequence[str],
    told: Callable[[str], None] = lambda table: None,
) -> None:  # fmt: skip
    """Build tables on a copy of the last publication, once `changes.find_events` has found what is new."""
    patched = patchable(models, order)
    before, after = around(models, order, patched)
    tables.build(warehouse, project, models, before, told)
    find_customers(warehouse)
    with narrowed(warehouse, models, patched):
        for table in patched:
            told(table)
            patch(warehouse, models[table])
    tables.build(warehouse, project, models, after, told)
