-- What happened to each order as events: placed, paid, shipped, delivered, refunded.
--
-- Grain: one row per order and event name.
-- Settings: none.
--
-- The feed repeats an order after every change; its latest snapshot knows all moments. Money turns from the currency's
-- units into minor units here, once. A refund is revenue that goes back, so its revenue is negative.
with latest as (
    select *
    from landing.orders
    qualify row_number() over (partition by order_id order by updated_at desc, file_id desc, row_number desc) = 1
),

moments as (
    select
        *,
        'order_placed' as event_name,
        ordered_at as event_at,
        cast(null as bigint) as revenue_minor
    from latest
    union all
    select
        *,
        'order_paid' as event_name,
        paid_at as event_at,
        cast(round(total * 100) as bigint) as revenue_minor
    from latest
    where paid_at is not null
    union all
    select
        *,
        'order_shipped' as event_name,
        shipped_at as event_at,
        cast(null as bigint) as revenue_minor
    from latest
    where shipped_at is not null
    union all
    select
        *,
        'order_delivered' as event_name,
        delivered_at as event_at,
        cast(null as bigint) as revenue_minor
    from latest
    where delivered_at is not null
    union all
    select
        *,
        'order_refunded' as event_name,
        refunded_at as event_at,
        cast(-round(refund_total * 100) as bigint) as revenue_minor
    from latest
    where refunded_at is not null
)

select
    'orders' as source,
    order_id || ':' || event_name as event_id,
    event_name,
    event_at,
    updated_at as received_at,
    cast(null as varchar) as anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    order_id,
    cast(null as varchar) as ticket_id,
    revenue_minor,
    case when revenue_minor is not null then currency end as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_object('region', region, 'promised_at', promised_by) as properties,
    file_id,
    row_number
from moments
