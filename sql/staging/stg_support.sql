-- What happened to each ticket as events: opened, answered, solved, asked for a thumb, given one.
--
-- Grain: one row per ticket and event name.
-- Settings: none.
--
-- The feed repeats a ticket after every change; its latest snapshot knows all moments. The first answer is told in
-- minutes after the opening. A rating that was offered is an invitation, also when nobody answered it: without it
-- there is no response rate.
with latest as (
    select *
    from landing.support
    qualify row_number() over (partition by ticket_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        'ticket_opened' as event_name,
        created_at as event_at
    from latest
    union all
    select
        *,
        'ticket_answered' as event_name,
        created_at + reply_minutes * interval 1 minute as event_at
    from latest
    where reply_minutes is not null
    union all
    select
        *,
        'ticket_solved' as event_name,
        solved_at as event_at
    from latest
    where solved_at is not null
    union all
    select
        *,
        'survey_invited' as event_name,
        coalesce(solved_at, rated_at) as event_at
    from latest
    where rating in ('offered', 'good', 'bad') and coalesce(solved_at, rated_at) is not null
    union all
    select
        *,
        'survey_answered' as event_name,
        coalesce(rated_at, updated_at) as event_at
    from latest
    where rating in ('good', 'bad')
)

select
    'support' as source,
    ticket_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    cast(null as varchar) as anonymous_id,
    cast(null as varchar) as user_id,
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
    case when event_name = 'survey_answered' then case rating when 'good' then 1.0 else 0.0 end end as score,
    case when event_name in ('survey_invited', 'survey_answered') then 'thumb' end as score_kind,
    case when event_name in ('survey_invited', 'survey_answered') then 'ticket:' || ticket_id end as invitation_id,
    cast(null as varchar) as comment,
    case
        when event_name in ('survey_invited', 'survey_answered')
            then json_object('channel', channel, 'survey', 'ticket_rating:' || channel)
        else json_object('channel', channel, 'topic', json_extract_string(tags, '$[0]'))
    end as properties,
    file_id,
    row_number
from moments
