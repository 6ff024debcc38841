-- What happened to each order as events: placed, paid, shipped, delivered.
--
-- Grain: one row per order and event name.
-- Settings: none.
--
-- The file's moments are told as they stand: 77 orders reach the carrier before their payment is approved.
-- A cancellation has no moment, so it is no event; it stands in properties.status, as the order ended.
--
-- Three files name an order's customer in three ways, and identities link ids that stand on one event. So an order is
-- an account of its own here ('order:' and its id), and customer_id stands where other shops have the e-mail key: this
-- event ties the two, stg_customers ties customer_id to the person, and stg_reviews carries the order's account.
with moments as (
    select
        *,
        'order_placed' as event_name,
        ordered_at as event_at
    from landing.orders
    union all
    select
        *,
        'order_paid' as event_name,
        approved_at as event_at
    from landing.orders
    where approved_at is not null
    union all
    select
        *,
        'order_shipped' as event_name,
        carrier_at as event_at
    from landing.orders
    where carrier_at is not null
    union all
    select
        *,
        'order_delivered' as event_name,
        delivered_at as event_at
    from landing.orders
    where delivered_at is not null
)

select
    'orders' as source,
    order_id || ':' || event_name as event_id,
    event_name,
    event_at,
    cast(null as timestamp) as received_at,
    cast(null as varchar) as anonymous_id,
    'order:' || order_id as user_id,
    customer_id as email_key,
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
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_object('status', status, 'promised_by', promised_by) as properties,
    file_id,
    row_number
from moments
