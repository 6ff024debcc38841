-- Reviews as events: a customer was asked, and answered with stars.
--
-- Grain: one row per review, order and event name.
-- Settings: none.
--
-- 28 reviews are about more than one order, and 87 orders have more than one review: each pair is an invitation of its
-- own, so that nothing is lost. Only answered invitations are in the file, so a response rate of 1 says nothing here.
with moments as (
    select
        *,
        'survey_invited' as event_name,
        asked_at as event_at
    from landing.reviews
    union all
    select
        *,
        'survey_answered' as event_name,
        answered_at as event_at
    from landing.reviews
)

select
    'reviews' as source,
    review_id || ':' || order_id || ':' || event_name as event_id,
    event_name,
    event_at,
    cast(null as timestamp) as received_at,
    cast(null as varchar) as anonymous_id,
    'order:' || order_id as user_id,
    cast(null as varchar) as email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    order_id,
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    case when event_name = 'survey_answered' then cast(stars as double) end as score,
    'stars_5' as score_kind,
    review_id || ':' || order_id as invitation_id,
    cast(null as varchar) as comment,
    json_object('survey', 'review', 'review_id', review_id) as properties,
    file_id,
    row_number
from moments
