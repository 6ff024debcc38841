-- One journey: a customer's touches up to a conversion, or up to a long silence, and what followed the purchase.
--
-- Grain: one row per journey_id, which is the touch_id of its first touch.
-- Settings: journey_gap_days, as_of, judged_days, shop_currency.
--
-- A journey that could still continue after as_of is kept and marked is_open: conversion shares leave it out, because
-- counting it as lost would make every recent week look worse than it was. Device, country and campaign are those of
-- the first touch that names one. Revenue is what its orders brought in less what was refunded, whenever the refund
-- came.
with

attempts as (
    select
        journey_id,
        min(customer_id) as customer_id,
        min(touched_at) as started_at,
        max(touched_at) as ended_at,
        max(case when is_conversion then touched_at end) as converted_at,
        max(case when not is_after_sale then touched_at end)
        + interval '1 day' * getvariable('journey_gap_days') as silent_until,
        count(*) as n_touches,
        min(case when touch_number = 1 then stage_position end) as entry_position,
        max(stage_position) as furthest_position,
        arg_min(device, touch_number) as device,
        arg_min(country, touch_number) as country,
        arg_min(touchpoint, touch_number) as entry_touchpoint,
        arg_min(channel, touch_number) as entry_channel,
        arg_max(touchpoint, touch_number) as exit_touchpoint,
        arg_min(utm_source, touch_number) as utm_source,
        arg_min(utm_campaign, touch_number) as utm_campaign,
        list(touchpoint order by touch_number) filter (
            where touchpoint is distinct from previous_touchpoint
        ) as path
    from journeys.touches
    group by journey_id
),

with_status as (
    select
        *,
        row_number() over (partition by customer_id order by started_at, entry_position, journey_id) as journey_number,
        case
            when converted_at is not null then 'converted'
            when silent_until < getvariable('as_of') then 'lapsed'
            else 'open'
        end as status
    from attempts
),

revenue as (
    select
        journey_id,
        cast(sum(revenue_minor) as bigint) as revenue_minor
    from journeys.payment_journeys
    group by journey_id
)

select
    journeys.journey_id,
    journeys.customer_id,
    journeys.journey_number,
    journeys.journey_number = 1 as is_first_journey,
    journeys.started_at,
    journeys.ended_at,
    journeys.converted_at,
    journeys.status,
    journeys.status = 'open' as is_open,
    journeys.converted_at is not null as is_converted,
    case journeys.status
        when 'open' then true
        else coalesce(
            coalesce(journeys.converted_at, journeys.silent_until)
            > getvariable('as_of') - interval '1 day' * getvariable('judged_days'), true
        )
    end as is_judged,
    journeys.n_touches,
    stages.stage as furthest_stage,
    journeys.furthest_position,
    coalesce(revenue.revenue_minor, 0) as revenue_minor,
    getvariable('shop_currency') as currency,
    journeys.device,
    journeys.country,
    journeys.entry_touchpoint,
    journeys.entry_channel,
    journeys.exit_touchpoint,
    journeys.utm_source,
    journeys.utm_campaign,
    journeys.path
from with_status as journeys
left join rules.stages as stages on journeys.furthest_position = stages.position
left join revenue on journeys.journey_id = revenue.journey_id
