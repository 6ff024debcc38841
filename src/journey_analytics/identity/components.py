"""The step of the night that finds who is who: `journeys.identity_ids` and `identity_edges` to `identity_components`.

The links come in the order in which they were learnt, a chunk at a time, and the merges go to the database as they are
found: beside `unionfind.BYTES_PER_ID` for every id, memory holds one chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from journey_analytics.identity.unionfind import Forest
from journey_analytics.warehouse import Warehouse

TABLE = "journeys.identity_components"
READS = frozenset({"journeys.identity_ids", "journeys.identity_edges"})
MEANING = "One row per id: the component of linked ids that it belongs to, and how its own name ended."
COLUMNS: Mapping[str, str] = {
    "id_number": "The id, as numbered in journeys.identity_ids",
    "component_number": "The smallest id of its component, which names the customer",
    "component_edge": "The link of journeys.identity_edges that brought it that name; empty where it names itself",
    "n_ids": "Ids of the component",
    "kept_number": "The component that absorbed the one named after this id; empty where that never happened",
    "union_edge": "The link by which that happened",
    "n_kept_ids": "Ids of the absorbing component just before",
    "n_absorbed_ids": "Ids of the absorbed component just before",
    "n_kept_events": "Events whose own id was in the absorbing component just before",
    "n_absorbed_events": "Events whose own id was in the absorbed component just before",
}
CHUNK = 1_000_000
"""Links, or ids, that are handled at a time."""


def components(warehouse: Warehouse) -> None:
    """Build `journeys.identity_components`, one row per id of `journeys.identity_ids`."""
    size = int(warehouse.scalar("select count(*) from journeys.identity_ids"))
    n_events = np.zeros(size, dtype=np.int64)
    for start, stop in _chunks(size):
        events = _part(warehouse, "id_number, n_events", "journeys.identity_ids", "id_number", start, stop)
        n_events[events["id_number"]] = events["n_events"]
    forest = Forest(n_events)
    warehouse.execute(
        "create or replace temp table identity_unions (edge integer, kept integer, absorbed integer, "
        "n_kept_ids bigint, n_absorbed_ids bigint, n_kept_events bigint, n_absorbed_events bigint)"
    )
    columns = "edge_number, from_number, to_number"
    for start, stop in _chunks(int(warehouse.scalar("select count(*) from journeys.identity_edges"))):
        links = _part(warehouse, columns, "journeys.identity_edges", "edge_number", start, stop)
        _keep(warehouse, "identity_unions", **forest.join(start, links["from_number"], links["to_number"]).columns())
    warehouse.execute(
        "create or replace temp table identity_labels "
        "(id_number integer, component_number integer, component_edge integer, n_ids bigint)"
    )
    for start, stop in _chunks(size):
        ids = np.arange(start, stop)
        names = forest.names(ids)
        _keep(
            warehouse, "identity_labels", id_number=ids, component_number=names, component_edge=forest.edge[start:stop],
            n_ids=forest.n_ids[names],
        )  # fmt: skip
    _put_together(warehouse)


def _chunks(size: int) -> Iterator[tuple[int, int]]:
    for start in range(0, size, CHUNK):
        yield start, min(start + CHUNK, size)


def _part(warehouse: Warehouse, columns: str, table: str, number: str, start: int, stop: int) -> dict[str, np.ndarray]:
    """The rows of a table whose number lies in start..stop-1, by that number, as arrays."""
    rows = warehouse.frame(
        f"select {columns} from {table} where {number} >= $1 and {number} < $2 order by {number}", [start, stop]
    )
    return {str(name): rows[name].to_numpy() for name in rows}


def _keep(warehouse: Warehouse, table: str, **columns: np.ndarray) -> None:
    with warehouse.offered_arrays("found", **columns):
        warehouse.execute(f"insert into {table} select {', '.join(columns)} from found")


def _put_together(warehouse: Warehouse) -> None:
    warehouse.execute(f"""
        create or replace table {TABLE} as
        select
            labels.id_number,
            labels.component_number,
            nullif(labels.component_edge, -1) as component_edge,
            labels.n_ids,
            unions.kept as kept_number,
            unions.edge as union_edge,
            unions.n_kept_ids,
            unions.n_absorbed_ids,
            unions.n_kept_events,
            unions.n_absorbed_events
        from identity_labels as labels
        left join identity_unions as unions on labels.id_number = unions.absorbed
        order by labels.id_number
    """)
    for table in ("identity_labels", "identity_unions"):
        warehouse.execute(f"drop table {table}")
