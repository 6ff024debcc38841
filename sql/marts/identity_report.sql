-- What the headline owes to stitching: customers, journeys and conversions with it, and without it.
--
-- Grain: one row per stitching: 'with', as everywhere else, and 'without', where every event is its own id's alone.
-- Settings: as_of, judged_days, journey_gap_days, shop_currency.
--
-- Counted are the journeys of the report's headline: those that started within the judged period and at least
-- journey_gap_days before as_of. They have converted where they did so within journey_gap_days.
with

latest as (
    select max(on_date) as started_on
    from marts.trend
    where n_journeys_matured > 0
),

journeys as (
    select
        'with' as stitching,
        journeys.customer_id,
        journeys.started_at,
        journeys.converted_at,
        journeys.revenue_minor,
        stitched.journey_id is not null as is_stitched
    from journeys.journeys as journeys
    left join journeys.stitched_journeys as stitched on journeys.journey_id = stitched.journey_id
    union all
    select
        'without' as stitching,
        journeys.customer_id,
        journeys.started_at,
        journeys.converted_at,
        cast(null as bigint) as revenue_minor,
        false as is_stitched
    from journeys.journeys as journeys
    anti join journeys.unstitched_journeys as apart on journeys.customer_id = apart.stitched_customer_id
    union all
    select
        'without' as stitching,
        customer_id,
        started_at,
        converted_at,
        cast(null as bigint) as revenue_minor,
        false as is_stitched
    from journeys.unstitched_journeys
),

watched as (
    select
        journeys.*,
        coalesce(
            journeys.converted_at <= journeys.started_at + interval '1 day' * getvariable('journey_gap_days'), false
        ) as is_converted
    from journeys
    cross join latest
    where
        journeys.started_at + interval '1 day' * getvariable('journey_gap_days') <= getvariable('as_of')
        and coalesce(
            cast(journeys.started_at as date)
            > latest.started_on - cast(getvariable('judged_days') as integer), true
        )
)

select
    stitching,
    count(distinct customer_id) as n_customers,
    count(*) as n_journeys,
    count(case when is_converted then 1 end) as n_converted,
    count(case when is_converted then 1 end) / count(*) as converted_share,
    count(case when is_converted and is_stitched then 1 end) as n_converted_stitched,
    count(case when is_converted and is_stitched then 1 end)
    / nullif(count(case when is_converted then 1 end), 0) as stitched_share_of_converted,
    cast(sum(case when is_converted then revenue_minor end) as bigint) as revenue_minor,
    cast(sum(case when is_converted and is_stitched then revenue_minor end) as bigint) as revenue_stitched_minor,
    getvariable('shop_currency') as currency
from watched
group by stitching
order by stitching
