"""Which days that had been published already a night has corrected, and by how many rows.

It is counted in events, between the last publication and tonight's, on days before either's as_of: those of files
that have come, changed or gone since, as long as the other side does not say the same of them. A row that says
something else now is one removed and one added. Rows of somebody who was erased are no correction, nor is a feed that
is switched on or off.

The counts are a ledger: each publication has those of the last one, and tonight's. So a rebuild keeps them, a rollback
goes back to those of its time, and without any publication there is nothing that could have been corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from journey_analytics.build.changes import KEPT
from journey_analytics.warehouse import Warehouse, attach_before

TABLE = "ops.corrections"
MEANING = (
    "One row per night, source and day on which rows came or went after the day had been published. A row that was "
    "changed counts as one removed and one added."
)
COLUMNS: Mapping[str, str] = {
    "as_of": "as_of of the night that corrected the day (UTC)",
    "source": "The feed",
    "on_date": "The day of the events (UTC)",
    "n_added": "Rows of the day that were not there when it was last published, or not like this",
    "n_removed": "Rows of the day that were there when it was last published, and are not, or not like that",
}
_SAYS = tuple(name for name in KEPT if name not in ("loaded_at", "file_id", "row_number"))
"""What an event says, wherever it stands."""


def write(warehouse: Warehouse, last: Path | None, as_of: datetime) -> None:
    """Count tonight's corrections of the last publication, once the landed files are known, and note them.

    last : the last publication's database, or None where there is none to go by
    """
    warehouse.execute(
        f"""create or replace table {TABLE} (
            as_of timestamp, source varchar, on_date date, n_added bigint, n_removed bigint)"""
    )
    if last is not None:
        with attach_before(warehouse, last):
            _carry_over(warehouse, as_of)
    warehouse.execute(f"comment on table {TABLE} is '{MEANING}'")
    for name, meaning in COLUMNS.items():
        warehouse.execute(f"comment on column {TABLE}.{name} is '{meaning}'")


def _carry_over(warehouse: Warehouse, as_of: datetime) -> None:
    """What earlier nights noted, and what tonight brings to it."""
    columns = warehouse.rows(
        """select schema_name || '.' || table_name as "table", column_name from duckdb_columns()
        where database_name = 'before'"""
    )
    known = {row["table"] for row in columns}
    says = {row["column_name"] for row in columns if row["table"] == "journeys.events"}
    counted = ["from before.ops.corrections"] if TABLE in known else []
    if {"ops.basis", "ops.landed", "ops.feeds", "ops.loads"} <= known and says >= set(_SAYS):
        _find(warehouse, as_of)
        for table, added in (("events_added", 1), ("events_removed", 0)):
            counted.append(
                f"select getvariable('as_of')::timestamp, source, event_at::date, {added}, {1 - added} from {table}"
            )
    if counted:
        warehouse.execute(f"""
            insert into {TABLE} select as_of, source, on_date, sum(n_added)::bigint, sum(n_removed)::bigint
            from ({" union all ".join(counted)}) as counted (as_of, source, on_date, n_added, n_removed)
            group by as_of, source, on_date order by as_of, source, on_date""")


def _find(warehouse: Warehouse, as_of: datetime) -> None:
    """Make `events_added` and `events_removed`: what changed files say that the other side does not."""
    until = min(as_of, warehouse.scalar("select as_of from before.ops.basis"))
    says = ", ".join(_SAYS)
    for table in ("events_added", "events_removed"):
        warehouse.execute(f"create or replace temp table {table} as select {says} from before.journeys.events limit 0")
    for source, files in _changed(warehouse).items():
        now, was = f"staging.stg_{source}", "before.journeys.events"
        listed = ", ".join(f"'{file_id}'" for file_id in files)
        erased = """select now.file_id from ops.loads as now join before.ops.loads as was using (file_id)
            where coalesce(now.n_erased, 0) > coalesce(was.n_erased, 0)"""
        for table, here, there, but in (
            ("events_added", now, was, "true"),
            ("events_removed", was, now, f"file_id not in ({erased})"),
        ):
            warehouse.execute(
                f"""create or replace temp table said_here as select {says} from {here}
                where source = $1 and event_at < $2 and file_id in ({listed}) and {but}""",
                [source, until],
            )
            span = warehouse.rows("select min(event_at) as first_at, max(event_at) as last_at from said_here")[0]
            if span["first_at"] is not None:
                warehouse.execute(
                    f"""insert into {table} (from said_here) except (
                        select {says} from {there} where source = $1 and event_at between $2 and $3
                        and event_id in (select event_id from said_here))""",
                    [source, span["first_at"], span["last_at"]],
                )
    warehouse.execute("drop table if exists said_here")


def _changed(warehouse: Warehouse) -> Mapping[str, list[str]]:
    """By feed that was on and is, the files whose landed rows are not those of the last publication."""
    found: dict[str, list[str]] = {}
    for row in warehouse.rows("""
        select source, file_id from ops.landed as now full join before.ops.landed as was using (source, file_id)
        where (now.n_rows, now.sum_of_row_numbers) is distinct from (was.n_rows, was.sum_of_row_numbers)
            and source in (select source from before.ops.feeds) and source in (select source from staging.feeds)
        order by source, file_id"""):
        found.setdefault(row["source"], []).append(row["file_id"])
    return found
