-- What Klaviyo knows of a profile: e-mails and what came of them, and what was done in the shop.
--
-- Grain: one row per event_id.
-- Settings: none.
--
-- An order is placed here, and not paid: what it brought in is for the shop's own feed to say, or it would count twice.
-- The device is left empty: mail programs open e-mails through their own machines.
with told as (
    select
        *,
        case
            when metric = 'event' then 'metric_' || coalesce(metric_id, 'unnamed')
            else trim(regexp_replace(lower(metric), '[^\pL\pN]+', '_', 'g'), '_')
        end as said
    from landing.klaviyo
)

select
    'klaviyo' as source,
    event_id,
    case said
        when 'received_email' then 'email_delivered'
        when 'opened_email' then 'email_opened'
        when 'clicked_email' then 'email_clicked'
        when 'bounced_email' then 'email_bounced'
        when 'dropped_email' then 'email_dropped'
        when 'marked_email_as_spam' then 'email_reported_spam'
        when 'unsubscribed' then 'email_unsubscribed'
        when 'unsubscribed_from_email_marketing' then 'email_unsubscribed'
        when 'unsubscribed_from_list' then 'email_unsubscribed'
        when 'active_on_site' then 'page'
        when 'viewed_product' then 'product_viewed'
        when 'added_to_cart' then 'cart_added'
        when 'started_checkout' then 'checkout_started'
        when 'placed_order' then 'order_placed'
        when 'fulfilled_order' then 'order_shipped'
        when 'cancelled_order' then 'order_cancelled'
        when 'refunded_order' then 'order_refunded'
        else said
    end as event_name,
    happened_at as event_at,
    cast(null as timestamp) as received_at,
    'klaviyo:' || profile_id as anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    case when contains(said, 'email') or starts_with(said, 'unsubscribed') then 'email' end as utm_medium,
    campaign as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    order_id,
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch('{}', json_object('message_id', message_id)) as properties,
    file_id,
    row_number
from told
