-- What happened to each order as events: placed, paid, shipped, delivered, refunded, cancelled.
--
-- Grain: one row per order and event name.
-- Settings: none.
--
-- The feed repeats an order after every change; its latest snapshot knows all moments. A refund is revenue that goes
-- back, so its revenue is negative.
with latest as (
    select *
    from landing.orders_csv
    qualify row_number() over (partition by order_id order by updated_at desc, file_id desc, row_number desc) = 1
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
        unnest([ordered_at, paid_at, shipped_at, delivered_at, refunded_at, cancelled_at]) as event_at,
        unnest([null, total, null, null, -refund_total, null]) as revenue_minor
    from latest
)

select
    'orders_csv' as source,
    order_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    cast(null as varchar) as anonymous_id,
    customer_id as user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
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
    json_merge_patch('{}', json_object('region', region, 'promised_at', promised_at)) as properties,
    file_id,
    row_number
from moments
where event_at is not null
