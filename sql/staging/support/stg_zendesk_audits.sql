-- What happened to each ticket as events, change by change.
--
-- Grain: one row per audit_event_id.
-- Settings: none.
--
-- Who asked is said once, when the ticket is opened. The first comment of whoever asked is the question itself; the
-- first public one of anybody else is the answer. What was written never gets here.
with told as (
    select
        *,
        arg_max(
            case when field = 'requester_id' then value end,
            case when field = 'requester_id' then struct_pack(happened_at := happened_at, id := audit_event_id) end
        ) over (partition by ticket_id) as requester_id
    from landing.zendesk_audits
),

ranked as (
    select
        *,
        row_number() over (
            partition by ticket_id, kind, is_public, author_id = requester_id order by happened_at, audit_event_id
        ) as place
    from told
),

named as (
    select
        *,
        case
            when kind = 'Create' and field = 'requester_id' then 'ticket_opened'
            when field = 'status' and value = 'solved' then 'ticket_solved'
            when field = 'status' and kind = 'Change' and was in ('solved', 'closed') and value <> 'closed'
                then 'ticket_reopened'
            when field = 'status' and kind = 'Change' then 'ticket_' || value
            when kind = 'Comment' and not is_public then null
            when kind = 'Comment' and author_id = requester_id and place > 1 then 'ticket_followed_up'
            when kind = 'Comment' and author_id <> requester_id and place = 1 then 'ticket_answered'
            when kind = 'Comment' and author_id <> requester_id then 'ticket_replied'
        end as event_name
    from ranked
)

select
    'zendesk_audits' as source,
    audit_event_id as event_id,
    event_name,
    happened_at as event_at,
    cast(null as timestamp) as received_at,
    'zendesk:' || requester_id as anonymous_id,
    cast(null as varchar) as user_id,
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
    ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_object('channel', channel) as properties,
    file_id,
    row_number
from named
where event_name is not null
