-- Which journey a payment or a refund belongs to.
--
-- Grain: one row per (source, event_id) of journeys.payments whose journey is known.
--
-- A refund belongs to the journey that bought the order, whenever it comes; without a known order, to the journey of
-- its own touch.
with

bought_orders as (
    select
        order_id,
        arg_min(journey_id, struct_pack(touched_at := touched_at, touch_id := touch_id)) as journey_id
    from journeys.touches
    where is_conversion and order_id is not null
    group by order_id
)

select
    payments.source,
    payments.event_id,
    case
        when payments.is_conversion then touches.journey_id
        else coalesce(bought_orders.journey_id, touches.journey_id)
    end as journey_id,
    payments.revenue_minor
from journeys.payments as payments
left join journeys.touches as touches on payments.source || ':' || payments.event_id = touches.touch_id
left join bought_orders on payments.order_id = bought_orders.order_id
where coalesce(bought_orders.journey_id, touches.journey_id) is not null
