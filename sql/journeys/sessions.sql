-- A visit: events of one customer without a long silence between them.
--
-- Grain: one row per session_id; bots and staff are left out.
-- Settings: session_gap_minutes.
--
-- Device and campaign are those of the first event that names one. A session counts as converted when its customer
-- converts during it or within session_gap_minutes after it, since the payment itself is often reported by another
-- feed.
with

visits as (
    select
        session_id,
        min(customer_id) as customer_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as n_events,
        count(touchpoint) as n_touches,
        arg_min(path, event_number) as entry_path,
        arg_max(path, event_number) as exit_path,
        arg_min(device, event_number) as device,
        arg_min(utm_source, event_number) as utm_source,
        arg_min(utm_campaign, event_number) as utm_campaign
    from journeys.events
    where session_id is not null and not is_bot and not is_internal
    group by session_id
),

converted as (
    select distinct visits.session_id
    from visits
    inner join journeys.touches as touches
        on
            visits.customer_id = touches.customer_id
            and visits.started_at <= touches.touched_at
            and visits.ended_at + interval '1 minute' * getvariable('session_gap_minutes') >= touches.touched_at
    where touches.is_conversion
)

select
    visits.session_id,
    visits.customer_id,
    visits.started_at,
    visits.ended_at,
    visits.n_events,
    visits.n_touches,
    visits.entry_path,
    visits.exit_path,
    visits.device,
    visits.utm_source,
    visits.utm_campaign,
    converted.session_id is not null as is_converted
from visits
left join converted on visits.session_id = converted.session_id
