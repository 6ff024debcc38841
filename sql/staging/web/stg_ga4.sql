-- What was done on a shop's pages and in its app, as Google Analytics 4 exports it.
--
-- Grain: one row per exported event.
-- Settings: minor_units.
--
-- The names of Google's recommended e-commerce events get the words that every feed uses. The link's own campaign is
-- taken, and not the one by which a customer once came first. A completed purchase is a paid order: where a shop's own
-- orders are a feed too, the map's conversion names the one that counts.
select
    'ga4' as source,
    md5(
        concat_ws(':', user_pseudo_id, user_id, epoch_us(happened_at), event_name, bundle, batch_event_index)
    ) as event_id,
    case event_name
        when 'page_view' then 'page'
        when 'screen_view' then 'screen'
        when 'view_item' then 'product_viewed'
        when 'view_item_list' then 'category_viewed'
        when 'search' then 'products_searched'
        when 'view_search_results' then 'products_searched'
        when 'add_to_cart' then 'cart_added'
        when 'remove_from_cart' then 'cart_removed'
        when 'view_cart' then 'cart_viewed'
        when 'begin_checkout' then 'checkout_started'
        when 'add_shipping_info' then 'shipping_info_entered'
        when 'add_payment_info' then 'payment_info_entered'
        when 'purchase' then 'order_paid'
        when 'refund' then 'order_refunded'
        when 'sign_up' then 'signed_up'
        when 'login' then 'signed_in'
        else event_name
    end as event_name,
    happened_at as event_at,
    cast(null as timestamp) as received_at,
    user_pseudo_id as anonymous_id,
    user_id,
    cast(null as varchar) as email_key,
    user_pseudo_id || ':' || session_id as session_hint,
    coalesce(
        nullif(regexp_extract(page, '^[A-Za-z]+://[^/]*(/[^?#]*)', 1), ''),
        case when page like '%://%' then '/' end
    ) as path,
    referrer,
    link_source as utm_source,
    link_medium as utm_medium,
    link_campaign as utm_campaign,
    case when device in ('mobile', 'tablet', 'desktop') then device end as device,
    country,
    nullif(transaction_id, '(not set)') as order_id,
    cast(null as varchar) as ticket_id,
    cast(
        round(
            case event_name when 'purchase' then purchase_revenue when 'refund' then -refund_value end
            * coalesce(getvariable('minor_units')[upper(currency)], 100)
        ) as bigint
    ) as revenue_minor,
    case when event_name in ('purchase', 'refund') then upper(currency) end as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        coalesce(more, '{}'),
        json_object(
            'product_id', item_id, 'category', item_category, 'query', search_term, 'coupon', coupon, 'screen', screen
        )
    ) as properties,
    file_id,
    row_number
from landing.ga4
