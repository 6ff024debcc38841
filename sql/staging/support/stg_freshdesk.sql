-- What happened to each ticket as events: opened, answered, solved.
--
-- Grain: one row per ticket and event name.
-- Settings: none.
--
-- The feed repeats a ticket after every change; its latest snapshot knows most moments. Where statistics are not
-- included, a ticket is solved when it was first seen so. An e-mail of our own that became a ticket is a message sent.
-- Spam and deleted tickets are no events.
with latest as (
    select
        *,
        min(case when status in (4, 5) then updated_at end) over (partition by ticket_id) as seen_solved_at
    from landing.freshdesk
    qualify row_number() over (partition by ticket_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        unnest(['message_sent', 'ticket_opened', 'ticket_answered', 'ticket_solved']) as event_name,
        unnest(
            [
                case when channel = 10 then created_at end,
                case when channel is distinct from 10 then created_at end,
                answered_at,
                coalesce(solved_at, seen_solved_at)
            ]
        ) as event_at
    from latest
)

select
    'freshdesk' as source,
    ticket_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    'freshdesk:' || requester_id as anonymous_id,
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
    cast(null as varchar) as order_id,
    ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        '{}',
        json_object(
            'channel', case channel
                when 1 then 'email' when 2 then 'web' when 3 then 'phone' when 7 then 'chat' when 9 then 'web'
                when 10 then 'email' else cast(channel as varchar)
            end,
            'topic', topic, 'kind', kind
        )
    ) as properties,
    file_id,
    row_number
from moments
where event_at is not null and not coalesce(is_spam, false) and not coalesce(is_deleted, false)
