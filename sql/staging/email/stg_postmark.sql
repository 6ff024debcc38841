-- What became of each e-mail, as Postmark's webhooks tell it.
--
-- Grain: one row per message, kind of event and time.
-- Settings: none.
--
-- The campaign stands in utm_campaign, where a campaign stands for every feed. The device is left empty: mail programs
-- open e-mails through their own machines, so the user agent does not say what the reader holds.
select
    'postmark' as source,
    concat_ws(':', message_id, record_type, epoch_us(happened_at)) as event_id,
    case
        when record_type = 'Delivery' then 'email_delivered'
        when record_type = 'Open' then 'email_opened'
        when record_type = 'Click' then 'email_clicked'
        when record_type = 'Bounce' and bounce_type = 'Unsubscribe' then 'email_unsubscribed'
        when record_type = 'Bounce' then 'email_bounced'
        when record_type = 'SpamComplaint' then 'email_reported_spam'
        when record_type = 'SubscriptionChange' and is_stopped then 'email_unsubscribed'
        when record_type = 'SubscriptionChange' then 'email_resubscribed'
        else 'email_' || lower(record_type)
    end as event_name,
    happened_at as event_at,
    cast(null as timestamp) as received_at,
    cast(null as varchar) as anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    'email' as utm_medium,
    tag as utm_campaign,
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
    json_object('message_id', message_id) as properties,
    file_id,
    row_number
from landing.postmark
