-- What was done on a shop's pages and in its app, as Segment calls.
--
-- Grain: one row per message_id.
-- Settings: minor_units.
--
-- Track calls are named as Segment's e-commerce, e-mail and live chat specifications name them, and get the words that
-- every feed uses; any other is named for what was done, in snake case. A completed order is a paid one: where a shop's
-- own orders are a feed too, the map's conversion names the one that counts. A refund is revenue that goes back, so its
-- revenue is negative.
with calls as (
    select
        *,
        lower(coalesce(user_agent, '')) as agent,
        case
            when type in ('page', 'screen') then type
            when type in ('identify', 'alias') then 'identified'
            else trim(regexp_replace(lower(trim(event)), '[^\pL\pN]+', '_', 'g'), '_')
        end as said
    from landing.segment
)

select
    'segment' as source,
    message_id as event_id,
    case said
        when 'product_list_viewed' then 'category_viewed'
        when 'product_added' then 'cart_added'
        when 'product_removed' then 'cart_removed'
        when 'order_completed' then 'order_paid'
        when 'email_link_clicked' then 'email_clicked'
        when 'email_marked_as_spam' then 'email_reported_spam'
        when 'unsubscribed' then 'email_unsubscribed'
        when 'live_chat_conversation_started' then 'ticket_opened'
        when 'live_chat_conversation_ended' then 'ticket_solved'
        else said
    end as event_name,
    sent_at as event_at,
    received_at,
    coalesce(anonymous_id, previous_id) as anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    coalesce(
        path,
        nullif(regexp_extract(url, '^[A-Za-z]+://[^/]*(/[^?#]*)', 1), ''),
        case when url like '%://%' then '/' end
    ) as path,
    referrer,
    campaign_source as utm_source,
    campaign_medium as utm_medium,
    campaign_name as utm_campaign,
    case
        when user_agent is null then case when device_type in ('ios', 'android') then 'mobile' end
        when agent like '%bot%' or agent like '%crawl%' or agent like '%spider%' then 'bot'
        when agent like '%ipad%' then 'tablet'
        when agent like '%android%' and agent not like '%mobile%' then 'tablet'
        when agent like '%mobile%' then 'mobile'
        else 'desktop'
    end as device,
    country,
    order_id,
    conversation_id as ticket_id,
    cast(
        round(
            case said when 'order_completed' then amount when 'order_refunded' then -amount end
            * coalesce(getvariable('minor_units')[upper(currency)], 100)
        ) as bigint
    ) as revenue_minor,
    case when said in ('order_completed', 'order_refunded') then upper(currency) end as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        coalesce(more, '{}'),
        json_object(
            'product_id', product_id, 'category', category, 'query', query, 'n_results', n_results, 'coupon', coupon,
            'screen', case when type = 'screen' then name end
        )
    ) as properties,
    file_id,
    row_number
from calls
