-- Whose event it is, the how-manieth of theirs, and in which visit: the narrow half of journeys.events.
--
-- Grain: one row per (source, event_id) before as_of.
-- Settings: as_of, session_gap_minutes.
--
-- The customer is the login's, else the address's, else the device's; an event with none of them has no customer.
-- Events that carry a device or a session hint belong to a session. A silence longer than session_gap_minutes starts a
-- new one; exactly the gap still continues. A session is named after its first event. Sessions are found on narrow
-- rows and joined back in journeys.events: windows over every column of every event cost several times as much.
with

owned as (
    select
        staged.source,
        staged.event_id,
        staged.event_at,
        identities.customer_id,
        coalesce(staged.anonymous_id, staged.session_hint) is not null as is_in_visit
    from staging.events as staged
    left join journeys.identities as identities
        on
            coalesce(staged.user_id, staged.email_key, staged.anonymous_id) = identities.id
            and case
                when staged.user_id is not null then 'user'
                when staged.email_key is not null then 'email'
                else 'device'
            end = identities.id_kind
    where staged.event_at < getvariable('as_of')
),

numbered as (
    select
        *,
        row_number() over in_order as event_number,
        last_value(case when is_in_visit then event_at end ignore nulls) over (
            in_order rows between unbounded preceding and 1 preceding
        ) as previous_visit_at
    from owned
    window in_order as (partition by customer_id order by event_at, event_id, source)
),

with_start as (
    select
        *,
        is_in_visit and customer_id is not null and coalesce(
            event_at > previous_visit_at + interval '1 minute' * getvariable('session_gap_minutes'), true
        ) as is_start
    from numbered
)

select
    source,
    event_id,
    customer_id,
    event_number,
    case when is_in_visit then last_value(case when is_start then source || ':' || event_id end ignore nulls) over (
        partition by customer_id order by event_number
        rows between unbounded preceding and current row
    ) end as session_id
from with_start
