-- Journeys that hold together by stitching alone: their touches up to the purchase have several own ids.
--
-- Grain: one row per journey_id.
--
-- Without stitching such a journey would fall apart. What followed the purchase does not count: an e-mail about the
-- parcel goes to an address, but the purchase did not rest on knowing whose.
with

touched as (
    select
        placements.customer_id,
        placements.start_number,
        count(distinct events.customer_id) as n_own_ids
    from journeys.unstitched_events as events
    inner join journeys.placements as placements
        on
            events.stitched_customer_id = placements.customer_id
            and events.stitched_event_number = placements.event_number
    where not placements.is_after_sale
    group by placements.customer_id, placements.start_number
)

select
    starts.source || ':' || starts.event_id as journey_id,
    touched.customer_id,
    touched.n_own_ids
from touched
inner join journeys.unstitched_events as starts
    on
        touched.customer_id = starts.stitched_customer_id
        and touched.start_number = starts.stitched_event_number
where touched.n_own_ids > 1
