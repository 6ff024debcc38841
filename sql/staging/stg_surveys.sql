-- Surveys as events: a customer was asked, and perhaps answered.
--
-- Grain: one row per invitation and event name.
-- Settings: none.
--
-- The feed repeats an invitation once it is answered; its latest snapshot knows both moments. Each survey asks on one
-- scale, and both events carry it, so that every scale has its own response rate. Free text never gets here.
with latest as (
    select *
    from landing.surveys
    qualify row_number() over (partition by invitation_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        'survey_invited' as event_name,
        invited_at as event_at
    from latest
    union all
    select
        *,
        'survey_answered' as event_name,
        answered_at as event_at
    from latest
    where answered_at is not null and score is not null
)

select
    'surveys' as source,
    invitation_id || ':' || event_name as event_id,
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
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    case when event_name = 'survey_answered' then cast(score as double) end as score,
    case survey
        when 'checkout_csat' then 'csat_5'
        when 'support_csat' then 'csat_5'
        when 'delivery_stars' then 'stars_5'
        when 'relationship_nps' then 'nps_10'
    end as score_kind,
    invitation_id,
    cast(null as varchar) as comment,
    json_object('survey', survey) as properties,
    file_id,
    row_number
from moments
