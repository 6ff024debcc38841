-- Journeys by the day they started, over all history.
--
-- Grain: one row per on_date on which some journey started.
-- Settings: as_of, journey_gap_days.
--
-- A journey is matured once journey_gap_days have passed since it started, and n_converted counts conversions within
-- that time by matured journeys only: every day is watched equally long, so the latest ones do not look worse than
-- they are.
with

watched as (
    select
        *,
        started_at + interval '1 day' * getvariable('journey_gap_days') as watched_until
    from journeys.journeys
)

select
    cast(started_at as date) as on_date,
    count(*) as n_journeys_started,
    count(case when watched_until <= getvariable('as_of') then 1 end) as n_journeys_matured,
    count(case when watched_until <= getvariable('as_of') and converted_at <= watched_until then 1 end) as n_converted,
    cast(sum(revenue_minor) as bigint) as revenue_minor,
    getvariable('shop_currency') as currency
from watched
group by cast(started_at as date)
