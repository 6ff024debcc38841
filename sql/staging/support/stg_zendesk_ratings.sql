-- How customers rated the answer to their ticket: asked for a thumb, and perhaps given one.
--
-- Grain: one row per rating and event name.
-- Settings: none.
--
-- A rating that was offered is an invitation, also when nobody gave it: without it there is no response rate. One that
-- was never offered is none.
with latest as (
    select
        *,
        starts_with(score, 'good') as is_good,
        starts_with(score, 'good') or starts_with(score, 'bad') as is_given
    from landing.zendesk_ratings
    qualify row_number() over (partition by rating_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        unnest(['survey_invited', 'survey_answered']) as event_name,
        unnest([created_at, case when is_given then updated_at end]) as event_at
    from latest
)

select
    'zendesk_ratings' as source,
    rating_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
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
    case when event_name = 'survey_answered' then cast(is_good as double) end as score,
    'thumb' as score_kind,
    'rating:' || rating_id as invitation_id,
    cast(null as varchar) as comment,
    json_object('survey', 'ticket_rating') as properties,
    file_id,
    row_number
from moments
where event_at is not null and score <> 'unoffered'
