-- Who led to the purchase: the touchpoints of a converted journey before it converted.
--
-- Grain: one row per (journey_id, touchpoint) of a converted journey.
--
-- The conversion itself earns nothing, unless the journey consists of nothing else. Credit describes the path that was
-- taken; it does not say what would have happened without the touchpoint.
with

conversions as (
    select
        journey_id,
        greatest(touch_number - 1, 1) as n_credited_in_journey
    from journeys.touches
    where is_conversion
)

select
    touches.journey_id,
    touches.touchpoint,
    count(*) as n_credited,
    min(conversions.n_credited_in_journey) as n_credited_in_journey,
    bool_or(touches.touch_number = 1) as is_first,
    bool_or(touches.touch_number = conversions.n_credited_in_journey) as is_last
from journeys.touches as touches
inner join conversions on touches.journey_id = conversions.journey_id
where touches.touch_number <= conversions.n_credited_in_journey
group by touches.journey_id, touches.touchpoint
