"""What has changed since the last publication: events that are gone, events that came, customers they touch.

All of it is temporary tables of the night's connection:

events_gone        source, event_id, customer_id: events of the last publication that are no more, or are not the same
events_come        the canonical columns: events that the last publication does not have, or not like this
owners_before      whose the events of a combination of ids were, as in journeys.identity_owners
identities_before  whose an id was, as in journeys.identities
bots_before        which devices were bots, as in journeys.bot_devices
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
COMBINATION = ("source", "anonymous_id", "user_id", "email_key", "order_id", "ticket_id")
WHO_IS_WHO = (
    ("owners_before", ", ".join((*COMBINATION, "own_id", "customer_id")), "journeys.identity_owners"),
    ("identities_before", "id_kind, id, customer_id", "journeys.identities"),
    ("bots_before", "anonymous_id", "journeys.bot_devices"),
)
"""What is known for everyone and decides about events: as it was, with which columns, as it is."""


def find_events(warehouse: Warehouse, project: Project, models: Mapping[str, Model], basis: Basis) -> None:
    """Make `events_gone` and `events_come`, and note who was who before."""
    for before, columns, now in WHO_IS_WHO:
        warehouse.execute(f"create or replace temp table {before} as select {columns} from {now}")
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
    """Make `customers_touched`, once it is known who is who tonight."""
    changed = [
        f"(from {before} except select {columns} from {now}) union all "
        f"(select {columns} from {now} except from {before})"
        for before, columns, now in WHO_IS_WHO
    ]
    same_ids = " and ".join(f"events_come.{name} is not distinct from owners.{name}" for name in COMBINATION)
    warehouse.execute(f"""
        create or replace temp table customers_touched as
        with owners_changed as ({changed[0]}), identities_changed as ({changed[1]}), bots_changed as ({changed[2]}),
        touched as (
            select customer_id from events_gone
            union all
            select owners.customer_id from events_come join journeys.identity_owners as owners on {same_ids}
            union all
            select customer_id from owners_changed
            union all
            select customer_id from identities_changed
            union all
            select customer_id from journeys.events where anonymous_id in (from bots_changed))
        select distinct customer_id from touched where customer_id is not null
    """)
