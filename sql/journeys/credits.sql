-- Who led to the purchase: the touchpoints of a converted journey before it converted.
--
-- Grain: one row per (journey_id, touchpoint) of a converted journey of the judged period.
--
-- Which touches count is said in journeys.credit_touches.
with

credited as (
    select
        journey_id,
        touchpoint,
        touch_number
    from journeys.credit_touches
    where is_converted
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
