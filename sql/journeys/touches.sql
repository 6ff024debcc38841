-- A customer meets the shop: an event at a touchpoint, in the journey it belongs to.
--
-- Grain: one row per touch_id, which is source:event_id; bots, staff and events without a customer are left out.
--
-- Journeys are found on narrow rows (journeys.placements) and joined back here; a journey is called after its first
-- touch. revenue_minor is a conversion's or a refund's, in the shop's currency.
with

starts as (
    select
        placements.customer_id,
        placements.start_number,
        events.source || ':' || events.event_id as journey_id
    from journeys.events as events
    inner join journeys.placements as placements
        on events.customer_id = placements.customer_id and events.event_number = placements.event_number
    where placements.event_number = placements.start_number
)

select
    events.source || ':' || events.event_id as touch_id,
    events.customer_id,
    events.session_id,
    starts.journey_id,
    events.touchpoint,
    events.stage,
    events.channel,
    events.event_at as touched_at,
    placements.touch_number,
    placements.stage_position,
    placements.previous_touchpoint,
    placements.previous_stage_position,
    events.is_conversion,
    placements.is_after_sale,
    placements.is_out_of_order,
    events.source,
    events.event_name,
    events.device,
    events.country,
    events.utm_source,
    events.utm_campaign,
    events.order_id,
    events.ticket_id,
    payments.revenue_minor
from journeys.events as events
inner join journeys.placements as placements
    on events.customer_id = placements.customer_id and events.event_number = placements.event_number
left join starts
    on events.customer_id = starts.customer_id and placements.start_number = starts.start_number
left join journeys.payments as payments
    on events.event_id = payments.event_id and events.source = payments.source
