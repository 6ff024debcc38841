-- Two ids that belong to one person, because one event carried both; in the order in which that was learnt.
--
-- Grain: one row per (from_number, to_number), numbers of journeys.identity_ids, the smaller one first.
--
-- Of a combination, every id is linked with the strongest: four links say of five ids what ten would.
with

links as (
    select
        linked_ids[1] as from_name,
        unnest(linked_ids[2:]) as to_name,
        first_seen_at,
        source
    from journeys.identity_claims
),

numbered as (
    select
        stronger.id_number as from_number,
        weaker.id_number as to_number,
        min(links.first_seen_at) as first_seen_at,
        arg_min(links.source, struct_pack(at := links.first_seen_at, source := links.source)) as source
    from links
    inner join journeys.identity_ids as stronger on links.from_name = stronger.name
    inner join journeys.identity_ids as weaker on links.to_name = weaker.name
    group by stronger.id_number, weaker.id_number
)

select
    cast(row_number() over (order by first_seen_at, from_number, to_number) - 1 as integer) as edge_number,
    from_number,
    to_number,
    first_seen_at,
    source
from numbered
order by edge_number
