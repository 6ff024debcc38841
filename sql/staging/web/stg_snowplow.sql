-- What was done on a shop's pages and in its app, as Snowplow's atomic events.
--
-- Grain: one row per event_id.
-- Settings: minor_units.
--
-- The e-commerce events share one name and are told apart by their action; a structured event is told apart by its
-- action as well. Any other is named as its schema is. The first step of the checkout is where it starts.
with tracked as (
    select
        *,
        lower(coalesce(useragent, '')) as agent,
        case
            when action is not null then action
            when event in ('page_view', 'transaction') then event
            when event = 'struct' then coalesce(se_action, event)
            else coalesce(event_name, event)
        end as said
    from landing.snowplow
)

select
    'snowplow' as source,
    event_id,
    case said
        when 'page_view' then 'page'
        when 'screen_view' then 'screen'
        when 'product_view' then 'product_viewed'
        when 'list_view' then 'category_viewed'
        when 'site_search' then 'products_searched'
        when 'add_to_cart' then 'cart_added'
        when 'remove_from_cart' then 'cart_removed'
        when 'checkout_step' then case when checkout_step = '1' then 'checkout_started' else said end
        when 'transaction' then 'order_paid'
        when 'refund' then 'order_refunded'
        else trim(regexp_replace(lower(said), '[^\pL\pN]+', '_', 'g'), '_')
    end as event_name,
    happened_at as event_at,
    received_at,
    coalesce(domain_userid, network_userid) as anonymous_id,
    user_id,
    cast(null as varchar) as email_key,
    domain_sessionid as session_hint,
    coalesce(
        page_urlpath,
        nullif(regexp_extract(page_url, '^[A-Za-z]+://[^/]*(/[^?#]*)', 1), ''),
        case when page_url like '%://%' then '/' end
    ) as path,
    page_referrer as referrer,
    mkt_source as utm_source,
    mkt_medium as utm_medium,
    mkt_campaign as utm_campaign,
    case
        when useragent is null then null
        when agent like '%bot%' or agent like '%crawl%' or agent like '%spider%' then 'bot'
        when agent like '%ipad%' then 'tablet'
        when agent like '%android%' and agent not like '%mobile%' then 'tablet'
        when agent like '%mobile%' then 'mobile'
        else 'desktop'
    end as device,
    geo_country as country,
    order_id,
    cast(null as varchar) as ticket_id,
    cast(
        round(
            case said when 'transaction' then revenue when 'refund' then -refund end
            * coalesce(getvariable('minor_units')[upper(currency)], 100)
        ) as bigint
    ) as revenue_minor,
    case when said in ('transaction', 'refund') then upper(currency) end as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        '{}',
        json_object('product_id', product_id, 'category', category, 'checkout_step', checkout_step)
    ) as properties,
    file_id,
    row_number
from tracked
