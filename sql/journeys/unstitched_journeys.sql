-- The journeys there would be if nothing were stitched, of customers who are stitched from several ids.
--
-- Grain: one row per (customer_id, start_number).
--
-- They are found as all journeys are: journeys.unstitched_placements asks journeys.placements of the unstitched events.
select
    placements.customer_id,
    placements.start_number,
    min(events.stitched_customer_id) as stitched_customer_id,
    min(events.event_at) as started_at,
    max(case when events.is_conversion then events.event_at end) as converted_at
from journeys.unstitched_placements as placements
inner join journeys.unstitched_events as events
    on placements.customer_id = events.customer_id and placements.event_number = events.event_number
group by placements.customer_id, placements.start_number
