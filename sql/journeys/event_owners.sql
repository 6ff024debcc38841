-- Whose event it is, the how-manieth of theirs, and in which visit: the narrow half of journeys.events.
--
-- Grain: one row per (source, event_id) before as_of.
-- Settings: as_of, session_gap_minutes.
--
-- The customer is that of the event's own id: of its login, else its address, device, order or ticket, where ids that
-- several people share come last. An event with none of them, or with placeholders alone, has no customer. Events that
-- carry a device or a session hint belong to a session. A silence longer than session_gap_minutes starts a new one;
-- exactly the gap still continues. A session is named after its first event. Sessions are found on narrow rows and
-- joined back in journeys.events: windows over every column of every event cost several times as much.
with

owned as (
    select
        staged.source,
        staged.event_id,
        staged.event_at,
        owners.customer_id,
        owners.own_id,
        coalesce(staged.anonymous_id, staged.session_hint) is not null as is_in_visit
    from staging.events as staged
    left join journeys.identity_owners as owners
        on
            staged.source = owners.source
            and staged.anonymous_id is not distinct from owners.anonymous_id
            and staged.user_id is not distinct from owners.user_id
            and staged.email_key is not distinct from owners.email_key
            and staged.order_id is not distinct from owners.order_id
            and staged.ticket_id is not distinct from owners.ticket_id
    where staged.event_at < getvariable('as_of')
),

numbered as (
    select
        *,
        case when customer_id is not null then row_number() over in_order end as event_number,
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
    own_id,
    event_number,
    case when is_in_visit then last_value(case when is_start then source || ':' || event_id end ignore nulls) over (
        partition by customer_id order by event_number
        rows between unbounded preceding and current row
    ) end as session_id
from with_start
