-- Whether customers would recommend the shop, as events: a customer was asked, and perhaps answered.
--
-- Grain: one row per invitation and event name.
-- Settings: none.
--
-- The table repeats an invitation once it is answered; its latest row knows both moments. Both events carry the scale,
-- so that it has its own response rate. Free text never gets here.
with latest as (
    select *
    from landing.nps
    qualify row_number() over (partition by invitation_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        unnest(['survey_invited', 'survey_answered']) as event_name,
        unnest([invited_at, case when score is not null then coalesce(answered_at, updated_at) end]) as event_at
    from latest
)

select
    'nps' as source,
    invitation_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    cast(null as varchar) as anonymous_id,
    customer_id as user_id,
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
    case when event_name = 'survey_answered' then cast(score as double) end as score,
    'nps_10' as score_kind,
    invitation_id,
    cast(null as varchar) as comment,
    json_object('survey', coalesce(survey, 'nps')) as properties,
    file_id,
    row_number
from moments
where event_at is not null
