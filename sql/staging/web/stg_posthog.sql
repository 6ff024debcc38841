-- What was done on a shop's pages and in its app, as PostHog's events.
--
-- Grain: one row per event_id.
-- Settings: minor_units.
--
-- A distinct id is the device's until somebody is identified, and the account's from then on; an event from a server
-- has no device, and its distinct id is an account. Custom events that are named after the usual e-commerce
-- specification get the words that every feed uses.
with captured as (
    select
        *,
        case event
            when '$pageview' then 'page'
            when '$screen' then 'screen'
            when '$identify' then 'identified'
            when '$create_alias' then 'identified'
            else trim(regexp_replace(lower(trim(event)), '[^\pL\pN]+', '_', 'g'), '_')
        end as said
    from landing.posthog
)

select
    'posthog' as source,
    event_id,
    case said
        when 'product_list_viewed' then 'category_viewed'
        when 'product_added' then 'cart_added'
        when 'product_removed' then 'cart_removed'
        when 'order_completed' then 'order_paid'
        else said
    end as event_name,
    happened_at as event_at,
    received_at,
    coalesce(anonymous_id, device_id) as anonymous_id,
    coalesce(
        user_id,
        case when distinct_id is distinct from coalesce(anonymous_id, device_id) then distinct_id end
    ) as user_id,
    email_key,
    session_id as session_hint,
    coalesce(
        path,
        nullif(regexp_extract(url, '^[A-Za-z]+://[^/]*(/[^?#]*)', 1), ''),
        case when url like '%://%' then '/' end
    ) as path,
    nullif(referrer, '$direct') as referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    case when lower(device_type) in ('mobile', 'tablet', 'desktop') then lower(device_type) end as device,
    country,
    order_id,
    cast(null as varchar) as ticket_id,
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
        json_object('product_id', product_id, 'category', category, 'query', query, 'screen', screen)
    ) as properties,
    file_id,
    row_number
from captured
