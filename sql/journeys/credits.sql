-- Who led to the purchase: the touchpoints of a converted journey before it converted.
--
-- Grain: one row per (journey_id, touchpoint) of a converted journey.
--
-- The touchpoint of the conversion earns nothing, or the page that says thank you would always be the last one; only a
-- journey that went nowhere else is credited to it. Credit describes the path that was taken; it does not say what
-- would have happened without the touchpoint.
with

conversions as (
    select
        journey_id,
        touchpoint,
        touch_number
    from journeys.touches
    where is_conversion
),

on_the_way as (
    select
        touches.journey_id,
        touches.touchpoint,
        touches.touch_number
    from journeys.touches as touches
    inner join conversions on touches.journey_id = conversions.journey_id
    where touches.touch_number < conversions.touch_number and touches.touchpoint <> conversions.touchpoint
),

credited as (
    select
        journey_id,
        touchpoint,
        touch_number
    from on_the_way
    union all
    select
        conversions.journey_id,
        conversions.touchpoint,
        conversions.touch_number
    from conversions
    anti join on_the_way on conversions.journey_id = on_the_way.journey_id
),

journeys_credited as (
    select
        journey_id,
        count(*) as n_credited_in_journey,
        min(touch_number) as first_number,
        max(touch_number) as last_number
    from credited
    group by journey_id
)

select
    credited.journey_id,
    credited.touchpoint,
    count(*) as n_credited,
    min(journeys_credited.n_credited_in_journey) as n_credited_in_journey,
    bool_or(credited.touch_number = journeys_credited.first_number) as is_first,
    bool_or(credited.touch_number = journeys_credited.last_number) as is_last
from credited
inner join journeys_credited on credited.journey_id = journeys_credited.journey_id
group by credited.journey_id, credited.touchpoint
