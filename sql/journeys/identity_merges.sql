-- The moments at which two customers turned out to be one.
--
-- Grain: one row per absorbed_id. An id names a customer until a stronger one is met, and never again.
--
-- Taken in the order of edge_number, every link between two customers merges them under the stronger name. What was
-- known at any moment follows: the customer of an id was then whoever is reached from the id's own name by going from
-- absorbed_id to kept_id as long as merged_at is not later than that moment.
select
    cast(row_number() over (order by unions.union_edge) as bigint) as merge_number,
    edges.first_seen_at as merged_at,
    kept.name as kept_id,
    absorbed.name as absorbed_id,
    stronger.id_kind as from_kind,
    stronger.id as from_id,
    weaker.id_kind as to_kind,
    weaker.id as to_id,
    edges.source,
    unions.n_kept_ids,
    unions.n_absorbed_ids,
    unions.n_kept_events,
    unions.n_absorbed_events
from journeys.identity_components as unions
inner join journeys.identity_edges as edges on unions.union_edge = edges.edge_number
inner join journeys.identity_ids as kept on unions.kept_number = kept.id_number
inner join journeys.identity_ids as absorbed on unions.id_number = absorbed.id_number
inner join journeys.identity_ids as stronger on edges.from_number = stronger.id_number
inner join journeys.identity_ids as weaker on edges.to_number = weaker.id_number
order by merge_number
