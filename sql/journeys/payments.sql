-- Money: what a conversion brought in, and what a refund took back.
--
-- Grain: one row per (source, event_id) of an event that moves money.
-- Settings: shop_currency.
--
-- Only conversions bring money in, and only negative amounts take it out: other events that mention the same revenue
-- (the web's own 'order completed') would count it twice. Amounts are turned into the shop's currency at the map's
-- rate; an amount in a currency without a rate stays unknown instead of being added as if it were the shop's.
select
    events.source,
    events.event_id,
    events.customer_id,
    events.event_at as paid_at,
    events.order_id,
    events.is_conversion,
    events.revenue_minor as paid_minor,
    coalesce(events.currency, getvariable('shop_currency')) as paid_currency,
    cast(round(events.revenue_minor * rates.rate) as bigint) as revenue_minor,
    getvariable('shop_currency') as currency
from journeys.events as events
left join rules.exchange_rates as rates on coalesce(events.currency, getvariable('shop_currency')) = rates.currency
where
    events.revenue_minor is not null
    and (events.is_conversion or events.revenue_minor < 0)
    and events.customer_id is not null
    and not events.is_bot
    and not events.is_internal
