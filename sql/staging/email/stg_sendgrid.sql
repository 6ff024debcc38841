-- What became of each e-mail, as SendGrid's event webhook tells it.
--
-- Grain: one row per sg_event_id.
-- Settings: none.
--
-- The campaign stands in utm_campaign, where a campaign stands for every feed. The device is left empty: mail programs
-- open e-mails through their own machines, so the user agent does not say what the reader holds.
select
    'sendgrid' as source,
    sg_event_id as event_id,
    case event
        when 'open' then 'email_opened'
        when 'click' then 'email_clicked'
        when 'bounce' then 'email_bounced'
        when 'unsubscribe' then 'email_unsubscribed'
        when 'group_unsubscribe' then 'email_unsubscribed'
        when 'group_resubscribe' then 'email_resubscribed'
        when 'spamreport' then 'email_reported_spam'
        else 'email_' || event
    end as event_name,
    sent_at as event_at,
    cast(null as timestamp) as received_at,
    cast(null as varchar) as anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    'email' as utm_medium,
    coalesce(
        case when starts_with(category, '[') then json_extract_string(category, '$[0]') else category end,
        singlesend
    ) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    cast(null as varchar) as order_id,
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_object('message_id', sg_message_id) as properties,
    file_id,
    row_number
from landing.sendgrid
