-- Qualtrics' invitations and responses as events: a customer was asked, and perhaps answered.
--
-- Grain: one row per invitation and event name.
-- Settings: none.
--
-- Invitations and responses are files of two kinds. An invitation that was answered names its response, which ties the
-- two. A response that was not finished is no answer.
with invited as (
    select *
    from landing.qualtrics
    where sent_at is not null
    qualify row_number() over (
        partition by distribution_id, contact_id order by changed_at desc, file_id desc, row_number desc
    ) = 1
),

answered as (
    select *
    from landing.qualtrics
    where sent_at is null and response_id is not null and score is not null and is_finished is not false
    qualify row_number() over (partition by response_id order by changed_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        'survey_invited' as event_name,
        sent_at as event_at,
        coalesce(response_id, distribution_id || ':' || contact_id) as invitation_id
    from invited
    union all
    select
        *,
        'survey_answered' as event_name,
        coalesce(ended_at, changed_at) as event_at,
        response_id as invitation_id
    from answered
)

select
    'qualtrics' as source,
    invitation_id || ':' || event_name as event_id,
    event_name,
    event_at,
    changed_at as received_at,
    'qualtrics:' || contact_id as anonymous_id,
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
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    case when event_name = 'survey_answered' then cast(score as double) end as score,
    'nps_10' as score_kind,
    invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch('{}', json_object('survey', survey_id, 'channel', channel)) as properties,
    file_id,
    row_number
from moments
