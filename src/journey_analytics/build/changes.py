"""What has changed since the last publication: events that are gone, events that came, customers they touch.

All of it is temporary tables of the night's connection:

events_gone        source, event_id, customer_id: events of the last publication that are no more, or are not the same
events_come        the canonical columns: events that the last publication does not have, or not like this
owners_before      id_kind, id, customer_id: whose an id was
bots_before        anonymous_id
customers_touched  customer_id: everyone of whom a row may have to change
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from journey_analytics.build.basis import Basis, changed_files
from journey_analytics.build.models import CANONICAL, Model
from journey_analytics.facts.config import Project
from journey_analytics.warehouse import Warehouse

KEPT = tuple(name for name in CANONICAL if name != "comment")
"""The canonical columns that journeys.events keeps: what a feed's events were can be read from there."""


def find_events(warehouse: Warehouse, project: Project, models: Mapping[str, Model], basis: Basis) -> None:
    """Make `events_gone` and `events_come`, and note who was who before."""
    warehouse.execute(
        "create or replace temp table owners_before as select id_kind, id, customer_id from journeys.identities"
    )
    warehouse.execute("create or replace temp table bots_before as select anonymous_id from journeys.bot_devices")
    warehouse.execute(
        "create or replace temp table events_gone (source varchar, event_id varchar, customer_id varchar)"
    )
    warehouse.execute("create or replace temp table events_come as from staging.events limit 0")
    changed = changed_files(warehouse, basis)
    for name in project.sources:
        if models[f"staging.stg_{name}"].notes.incremental == "row":
            _by_file(warehouse, name, changed.get(name, set()), basis)
        else:
            _by_comparison(warehouse, name)


def _by_file(warehouse: Warehouse, source: str, changed: Collection[str], basis: Basis) -> None:
    """A feed whose rows give their events one by one: what stood in changed files is gone, what stands there came."""
    warehouse.execute("create or replace temp table files_changed (file_id varchar)")
    warehouse.append("files_changed", [{"file_id": file_id} for file_id in sorted(changed)])
    if changed:
        warehouse.execute(
            """insert into events_gone select source, event_id, customer_id from journeys.events
            where source = $1 and file_id in (from files_changed)""",
            [source],
        )
        warehouse.execute(
            """insert into events_come from staging.events where source = $1
            and event_at < getvariable('as_of') and file_id in (from files_changed)""",
            [source],
        )
    warehouse.execute(
        """insert into events_come from staging.events where source = $1
        and event_at >= $2 and event_at < getvariable('as_of') and file_id not in (from files_changed)""",
        [source, basis.as_of],
    )


def _by_comparison(warehouse: Warehouse, source: str) -> None:
    """Any other feed: all its events of tonight against all of the last publication."""
    columns = ", ".join(KEPT)
    warehouse.execute(
        f"""create or replace temp table feed_now as select {", ".join(CANONICAL)} from staging.events
        where source = $1 and event_at < getvariable('as_of')""",
        [source],
    )
    warehouse.execute(
        f"""create or replace temp table feed_differs as
        with before as (select {columns} from journeys.events where source = $1),
        now as (select {columns} from feed_now)
        select event_id, true as is_gone from (from before except from now)
        union all select event_id, false from (from now except from before)""",
        [source],
    )
    warehouse.execute(
        """insert into events_gone select source, event_id, customer_id from journeys.events
        where source = $1 and event_id in (select event_id from feed_differs where is_gone)""",
        [source],
    )
    warehouse.execute(
        """insert into events_come from feed_now
        where event_id in (select event_id from feed_differs where not is_gone)"""
    )
    warehouse.execute("drop table feed_now")
    warehouse.execute("drop table feed_differs")


def find_customers(warehouse: Warehouse) -> None:
    """Make `customers_touched`, once tonight's identities and bots are known."""
    warehouse.execute("""
        create or replace temp table customers_touched as
        with owners_changed as (
            select before.customer_id as customer_before, now.customer_id as customer_now
            from owners_before as before
            full join journeys.identities as now on before.id_kind = now.id_kind and before.id = now.id
            where before.customer_id is distinct from now.customer_id),
        bots_changed as (
            (from bots_before except select anonymous_id from journeys.bot_devices)
            union all (select anonymous_id from journeys.bot_devices except from bots_before)),
        ids_come as (
            select 'user' as id_kind, user_id as id from events_come
            union select 'email', email_key from events_come
            union select 'device', anonymous_id from events_come),
        touched as (
            select customer_id from events_gone
            union all
            select identities.customer_id
            from ids_come inner join journeys.identities as identities
                on ids_come.id_kind = identities.id_kind and ids_come.id = identities.id
            union all
            select unnest([customer_before, customer_now]) from owners_changed
            union all
            select customer_id from journeys.events where anonymous_id in (from bots_changed))
        select distinct customer_id from touched where customer_id is not null
    """)
