-- The events of customers who are stitched from several ids, as if nothing were stitched.
--
-- Grain: one row per (stitched_customer_id, stitched_event_number), of customers whose events have several own ids.
--
-- Every event is its own id's here, so each of these customers falls into as many as there are ids to stand alone.
-- Staff and bots stay what stitching found them to be: only the customers change, not who counts as one.
with

stitched as (
    select components.component_number
    from journeys.identity_components as components
    inner join journeys.identity_ids as ids on components.id_number = ids.id_number
    where ids.n_events > 0
    group by components.component_number
    having count(*) > 1
),

own_ids as (
    select
        ids.id_number,
        ids.name
    from journeys.identity_ids as ids
    inner join journeys.identity_components as components on ids.id_number = components.id_number
    inner join stitched on components.component_number = stitched.component_number
)

select
    own_ids.name as customer_id,
    row_number() over (partition by own_ids.id_number order by events.event_number) as event_number,
    events.customer_id as stitched_customer_id,
    events.event_number as stitched_event_number,
    events.event_at,
    events.source,
    events.event_id,
    events.touchpoint,
    events.stage,
    events.is_conversion,
    events.is_bot,
    events.is_internal
from journeys.events as events
inner join own_ids on events.own_id = own_ids.name
