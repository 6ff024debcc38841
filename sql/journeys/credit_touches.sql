-- The touches that may earn credit: what came before a purchase, and the ways that led to none.
--
-- Grain: one row per (journey_id, touch_number) on the way of a closed journey of the judged period, sorted by
-- customer_id, journey_id, touch_number.
--
-- The touchpoint of the conversion earns nothing, or the page that says thank you would always be the last one; only a
-- journey that went nowhere else is credited to it. What follows a purchase is no way to it. Open journeys are left
-- out: nobody knows yet where they lead. Credit describes the path that was taken; it does not say what would have
-- happened without the touchpoint.
with

conversions as (
    select
        journey_id,
        touchpoint,
        touch_number,
        touched_at
    from journeys.touches
    where is_conversion
),

closed as (
    select
        journey_id,
        customer_id,
        is_converted,
        ended_at,
        revenue_minor
    from journeys.journeys
    where is_judged and not is_open
),

on_the_way as (
    select
        touches.journey_id,
        touches.touch_number
    from journeys.touches as touches
    inner join closed on touches.journey_id = closed.journey_id
    left join conversions on touches.journey_id = conversions.journey_id
    where
        not touches.is_after_sale
        and (
            conversions.journey_id is null
            or (touches.touch_number < conversions.touch_number and touches.touchpoint <> conversions.touchpoint)
        )
),

credited as (
    select
        journey_id,
        touch_number
    from on_the_way
    union all
    select
        conversions.journey_id,
        conversions.touch_number
    from conversions
    anti join on_the_way on conversions.journey_id = on_the_way.journey_id
)

select
    touches.journey_id,
    closed.customer_id,
    touches.touch_number,
    touches.touchpoint,
    touches.channel,
    coalesce(touches.utm_campaign, '(none)') as campaign,
    greatest(
        date_diff('second', touches.touched_at, coalesce(conversions.touched_at, closed.ended_at)), 0
    ) as seconds_before_end,
    closed.is_converted,
    case when closed.is_converted then closed.revenue_minor else 0 end as revenue_minor
from journeys.touches as touches
inner join credited
    on touches.journey_id = credited.journey_id and touches.touch_number = credited.touch_number
inner join closed on touches.journey_id = closed.journey_id
left join conversions on touches.journey_id = conversions.journey_id
order by closed.customer_id, touches.journey_id, touches.touch_number
