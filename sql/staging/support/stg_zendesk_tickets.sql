-- What happened to each ticket as events: opened, answered, solved.
--
-- Grain: one row per ticket and event name.
-- Settings: none.
--
-- The feed repeats a ticket after every change; its latest snapshot knows most moments. Where metrics are not side-
-- loaded, a ticket is solved when it was first seen so. A deleted ticket is spam or a mistake, and no event. Ratings
-- are a feed of their own.
with latest as (
    select
        *,
        min(case when status in ('solved', 'closed') then updated_at end) over (partition by ticket_id)
            as seen_solved_at
    from landing.zendesk_tickets
    qualify row_number() over (partition by ticket_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        unnest(['ticket_opened', 'ticket_answered', 'ticket_solved']) as event_name,
        unnest(
            [
                created_at,
                created_at + reply_minutes * interval 1 minute,
                coalesce(solved_at, seen_solved_at)
            ]
        ) as event_at
    from latest
)

select
    'zendesk_tickets' as source,
    ticket_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    'zendesk:' || requester_id as anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    order_id,
    ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        '{}',
        json_object('channel', channel, 'topic', topic, 'kind', kind, 'priority', priority)
    ) as properties,
    file_id,
    row_number
from moments
where event_at is not null and status <> 'deleted'
