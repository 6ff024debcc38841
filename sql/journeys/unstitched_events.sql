-- The events of customers who are stitched from several ids, as if nothing were stitched.
--
-- Grain: one row per (stitched_customer_id, stitched_event_number), of customers whose events have several own ids.
--
-- Every event is its own id's here, so each of these customers falls into as many as there are ids to stand alone.
-- Staff and bots stay what stitching found them to be: only the customers change, not who counts as one.
with

stitched as (
    select customer_id
    from journeys.events
    where customer_id is not null
    group by customer_id
    having min(own_id) <> max(own_id)
)

select
    events.own_id as customer_id,
    row_number() over (partition by events.own_id order by events.event_number) as event_number,
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
inner join stitched on events.customer_id = stitched.customer_id
