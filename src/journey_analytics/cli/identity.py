"""Who is who: which ids were joined, by what, which were left alone, and what the headline owes to it."""

from __future__ import annotations

from typing import Annotated

import typer

from journey_analytics.cli.shared import HERE, JsonOption, ProjectOption, print_json, print_table
from journey_analytics.facts.config import load_project
from journey_analytics.progress import printable
from journey_analytics.publish import PUBLISHED
from journey_analytics.report import quality
from journey_analytics.warehouse import open_published

KINDS = """
    select id_kind, count(*) as n_ids, count(distinct customer_id) as n_customers,
        count(*) filter (where rule in ('names_customer', 'linked')) as n_joined
    from journeys.identities group by id_kind order by id_kind
"""
LINKS = """
    select from_kind, to_kind, source, count(*) as n_merges,
        count(*) filter (where n_kept_events > 0 and n_absorbed_events > 0) as n_of_events_apart,
        min(merged_at) as first_merged_at, max(merged_at) as last_merged_at
    from journeys.identity_merges group by all order by n_merges desc, from_kind, to_kind, source
"""
SHARED = """
    select rule, id_kind, id, n_accounts, n_linked, n_allowed
    from journeys.shared_ids order by rule, coalesce(n_linked, n_accounts) desc nulls last, id_kind, id limit $1
"""


def identity(
    project: ProjectOption = HERE,
    limit: Annotated[int, typer.Option(min=0, help="How many ids that were merged with nobody are listed.")] = 20,
    json_: JsonOption = False,
) -> None:
    """Print how customers were put together from ids, which ids merged nobody, and what the headline owes to it."""
    loaded = load_project(project.resolve())
    warehouse = open_published(loaded.warehouse / PUBLISHED)
    try:
        stitching = quality.stitching(warehouse, loaded.journey.min_cell)
        kinds, links, shared = warehouse.rows(KINDS), warehouse.rows(LINKS), warehouse.rows(SHARED, [limit])
        n_shared = int(warehouse.scalar("select count(*) from journeys.shared_ids"))
    finally:
        warehouse.close()
    if json_:
        print_json({"kinds": kinds, "links": links, "n_shared": n_shared, "shared": shared, "headline": stitching})
        return
    print_table(kinds, ["id_kind", "n_ids", "n_joined", "n_customers"])
    if links:
        print("\nwhat joined them")
        print_table(links, ["from_kind", "to_kind", "source", "n_merges", "n_of_events_apart", "last_merged_at"])
    if shared:
        print(f"\nmerged with nobody: {len(shared)} of {n_shared} ids")
        print_table(shared, ["rule", "id_kind", "id", "n_accounts", "n_linked", "n_allowed"])
    print("\n" + (printable(stitching["sentence"]) if stitching else "too few customers to compare the headline"))
