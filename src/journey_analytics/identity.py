"""Who is who: which ids belong to one customer, as connected components of the links that events have shown.

The links are rows of `journeys.identity_edges` (shared devices and addresses are already left out there). The answer
does not depend on the order in which links were seen: a component is named after its first id, where a user comes
before an e-mail key and an e-mail key before a device, and equals are ordered by text.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from journey_analytics.warehouse import Warehouse

TABLE = "journeys.identity_components"
READS = frozenset({"journeys.identity_edges", "journeys.identity_sets"})

_NODES = """
    with named as (
        select 'user:' || user_id as id, 0 as kind from journeys.identity_sets where user_id is not null
        union
        select 'email:' || email_key, 1 from journeys.identity_sets where email_key is not null
        union
        select 'device:' || anonymous_id, 2 from journeys.identity_sets where anonymous_id is not null)
    select id, row_number() over (order by kind, id) - 1 as node from named
"""


def components(warehouse: Warehouse) -> None:
    """Build `journeys.identity_components` (id, component): one row per id ever seen.

    Nodes are numbered in the order that names components, so the smallest number of a component is its name; memory is
    a few integers per id and link.
    """
    warehouse.execute(f"create or replace temp table identity_nodes as {_NODES}")
    size = int(warehouse.scalar("select count(*) from identity_nodes"))
    links = warehouse.frame("""
        select a.node as from_node, b.node as to_node
        from journeys.identity_edges
        join identity_nodes as a on a.id = from_id
        join identity_nodes as b on b.id = to_id
    """)
    smallest = smallest_member(size, links["from_node"].to_numpy(), links["to_node"].to_numpy())
    with warehouse.offered_arrays("identity_labels", node=np.arange(size), label=smallest):
        warehouse.execute(f"""
            create or replace table {TABLE} as
            select member.id, named.id as component
            from identity_labels
            join identity_nodes as member on member.node = identity_labels.node
            join identity_nodes as named on named.node = identity_labels.label
            order by member.id
        """)
    warehouse.execute("drop table identity_nodes")


def smallest_member(size: int, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The smallest node of each node's connected component.

    Parameters
    ----------
    size : number of nodes, numbered 0..size-1
    left, right : (n_links,) node numbers that belong together

    Returns
    -------
    (size,) integers; a node without links is its own smallest member
    """
    if size == 0:
        return np.zeros(0, dtype=np.int64)
    links = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    count, labels = connected_components(links, directed=False)
    smallest = np.full(count, size, dtype=np.int64)
    np.minimum.at(smallest, labels, np.arange(size))
    return np.asarray(smallest[labels])
