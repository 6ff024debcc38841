-- What happened to each order as events: placed, paid, shipped, delivered, refunded, cancelled.
--
-- Grain: one row per order and event name.
-- Settings: none.
--
-- The feed repeats an order after every change; its latest snapshot knows most moments. An order that was seen unpaid
-- is paid when it was first seen paid, any other at once. What was given back is what the total has lost, and its
-- revenue is negative.
with snapshots as (
    select
        *,
        financial_status in ('paid', 'partially_refunded', 'refunded') as is_paid,
        financial_status in ('partially_refunded', 'refunded') as is_refunded
    from landing.shopify
),

latest as (
    select
        *,
        bool_or(not is_paid) over (partition by order_id) as was_unpaid,
        min(case when is_paid then updated_at end) over (partition by order_id) as seen_paid_at,
        min(case when is_refunded then updated_at end) over (partition by order_id) as seen_refunded_at
    from snapshots
    qualify row_number() over (partition by order_id order by updated_at desc, file_id desc, row_number desc) = 1
),

settled as (
    select
        *,
        case when is_paid then case when was_unpaid then seen_paid_at else coalesce(processed_at, created_at) end end
            as paid_at,
        case when is_refunded then coalesce(refunded_at, seen_refunded_at) end as refund_at,
        coalesce(nullif(total - current_total, 0), refund, case when financial_status = 'refunded' then total end)
            as given_back
    from latest
),

moments as (
    select
        *,
        unnest(
            [
                'order_placed',
                'order_paid',
                'order_shipped',
                'order_delivered',
                'order_refunded',
                'order_cancelled'
            ]
        ) as event_name,
        unnest(
            [
                created_at,
                paid_at,
                case when fulfillment = 'success' then shipped_at end,
                case when shipment_status = 'delivered' then delivery_at end,
                refund_at,
                cancelled_at
            ]
        ) as event_at,
        unnest([null, total, null, null, -given_back, null]) as revenue_minor
    from settled
)

select
    'shopify' as source,
    order_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    cast(null as varchar) as anonymous_id,
    customer_id as user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    referring_site as referrer,
    nullif(regexp_extract(landing_site, '[?&]utm_source=([^&]*)', 1), '') as utm_source,
    nullif(regexp_extract(landing_site, '[?&]utm_medium=([^&]*)', 1), '') as utm_medium,
    nullif(regexp_extract(landing_site, '[?&]utm_campaign=([^&]*)', 1), '') as utm_campaign,
    cast(null as varchar) as device,
    country,
    order_id,
    cast(null as varchar) as ticket_id,
    revenue_minor,
    case when revenue_minor is not null then upper(currency) end as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch('{}', json_object('product_id', product_id, 'channel', source_name)) as properties,
    file_id,
    row_number
from moments
where event_at is not null
