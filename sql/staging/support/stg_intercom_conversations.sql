-- What happened to each conversation as events: opened, answered, solved, rated.
--
-- Grain: one row per conversation and event name.
-- Settings: none.
--
-- A conversation that we began is a message sent; it becomes a ticket when the customer writes back. The feed repeats a
-- conversation after every change: it is closed, and rated, when it was first seen so.
with latest as (
    select
        *,
        coalesce(started_by, 'customer_initiated') = 'customer_initiated' as is_asked,
        min(case when state = 'closed' then updated_at end) over (partition by conversation_id) as seen_closed_at,
        min(case when rating is not null then updated_at end) over (partition by conversation_id) as seen_rated_at
    from landing.intercom_conversations
    qualify row_number() over (
        partition by conversation_id order by updated_at desc, file_id desc, row_number desc
    ) = 1
),

opened as (
    select
        *,
        case when is_asked then created_at else asked_at end as opened_at
    from latest
),

moments as (
    select
        *,
        unnest(
            [
                'message_sent',
                'ticket_opened',
                'ticket_answered',
                'ticket_solved',
                'survey_invited',
                'survey_answered'
            ]
        ) as event_name,
        unnest(
            [
                case when not is_asked then created_at end,
                opened_at,
                case when opened_at is not null then answered_at end,
                case when opened_at is not null then coalesce(closed_at, seen_closed_at) end,
                coalesce(rating_asked_at, seen_rated_at),
                seen_rated_at
            ]
        ) as event_at
    from opened
)

select
    'intercom_conversations' as source,
    conversation_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    'intercom:' || contact_id as anonymous_id,
    user_id,
    cast(null as varchar) as email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    cast(null as varchar) as order_id,
    conversation_id as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    case when event_name = 'survey_answered' then cast(rating as double) end as score,
    case when starts_with(event_name, 'survey_') then 'csat_5' end as score_kind,
    case when starts_with(event_name, 'survey_') then 'conversation:' || conversation_id end as invitation_id,
    cast(null as varchar) as comment,
    case
        when starts_with(event_name, 'survey_') then json_object('survey', 'conversation_rating')
        else json_merge_patch('{}', json_object('channel', channel, 'topic', topic))
    end as properties,
    file_id,
    row_number
from moments
where event_at is not null
