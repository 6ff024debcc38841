-- What became of each e-mail of a campaign, as Mailchimp reports it.
--
-- Grain: one row per activity of a member in a campaign.
-- Settings: none.
--
-- The campaign stands in utm_campaign, where a campaign stands for every feed. The device is left empty: mail programs
-- open e-mails through their own machines, so the user agent does not say what the reader holds.
select
    'mailchimp' as source,
    concat_ws(':', campaign_id, member_id, action, epoch_us(happened_at)) as event_id,
    case action
        when 'sent' then 'email_delivered'
        when 'open' then 'email_opened'
        when 'click' then 'email_clicked'
        when 'bounce' then 'email_bounced'
        when 'unsub' then 'email_unsubscribed'
        when 'abuse' then 'email_reported_spam'
        else 'email_' || action
    end as event_name,
    happened_at as event_at,
    cast(null as timestamp) as received_at,
    'mailchimp:' || member_id as anonymous_id,
    cast(null as varchar) as user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    'email' as utm_medium,
    coalesce(campaign, campaign_id) as utm_campaign,
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
    json_object('campaign_id', campaign_id) as properties,
    file_id,
    row_number
from landing.mailchimp
