-- What was done on a shop's pages and in its app, as Amplitude exports it.
--
-- Grain: one row per event_id.
-- Settings: minor_units.
--
-- Events that are named after the usual e-commerce specification get the words that every feed uses; a revenue event is
-- a paid order. Any other is named for what was done, in snake case.
with tracked as (
    select
        *,
        trim(regexp_replace(lower(replace(event_type, '[Amplitude]', '')), '[^\pL\pN]+', '_', 'g'), '_') as said
    from landing.amplitude
)

select
    'amplitude' as source,
    event_id,
    case said
        when 'page_viewed' then 'page'
        when 'screen_viewed' then 'screen'
        when 'product_list_viewed' then 'category_viewed'
        when 'product_added' then 'cart_added'
        when 'product_removed' then 'cart_removed'
        when 'order_completed' then 'order_paid'
        when 'revenue' then 'order_paid'
        when 'revenue_amount' then 'order_paid'
        else said
    end as event_name,
    happened_at as event_at,
    received_at,
    device_id as anonymous_id,
    user_id,
    email_key,
    nullif(session_id, '-1') as session_hint,
    coalesce(
        path,
        nullif(regexp_extract(url, '^[A-Za-z]+://[^/]*(/[^?#]*)', 1), ''),
        case when url like '%://%' then '/' end
    ) as path,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    case
        when platform in ('iOS', 'Android') then 'mobile'
        when device_type in ('Windows', 'Mac', 'Linux') then 'desktop'
    end as device,
    country,
    order_id,
    cast(null as varchar) as ticket_id,
    cast(
        round(
            case
                when said in ('order_completed', 'revenue', 'revenue_amount') then amount
                when said = 'order_refunded' then -amount
            end
            * coalesce(getvariable('minor_units')[upper(currency)], 100)
        ) as bigint
    ) as revenue_minor,
    case
        when said in ('order_completed', 'revenue', 'revenue_amount', 'order_refunded') then upper(currency)
    end as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        coalesce(more, '{}'),
        json_object('product_id', product_id, 'category', category, 'query', query)
    ) as properties,
    file_id,
    row_number
from tracked
