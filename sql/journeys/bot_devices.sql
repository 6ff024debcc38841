-- Devices that clicked faster than a person can.
--
-- Grain: one row per anonymous_id with more than bot_events_per_minute events within one clock minute.
-- Settings: as_of, bot_events_per_minute (null: nobody is listed).
with

busy_devices as (
    select anonymous_id
    from journeys.identity_sets
    where anonymous_id is not null
    group by anonymous_id
    having sum(n_events) > getvariable('bot_events_per_minute')
),

minutes as (
    select
        events.anonymous_id,
        date_trunc('minute', events.event_at) as minute_at,
        count(*) as n_events
    from staging.events as events
    inner join busy_devices on events.anonymous_id = busy_devices.anonymous_id
    where events.event_at < getvariable('as_of')
    group by events.anonymous_id, date_trunc('minute', events.event_at)
)

select
    anonymous_id,
    min(minute_at) as first_minute_at,
    max(n_events) as most_events_per_minute
from minutes
where n_events > getvariable('bot_events_per_minute')
group by anonymous_id
