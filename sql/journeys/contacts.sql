-- A customer turns to support: the first touch of a ticket.
--
-- Grain: one row per contact_id: a ticket, or a touch in the support channel that names none.
-- Settings: contact_channel.
select
    case when ticket_id is null then touch_id else source || ':' || ticket_id end as contact_id,
    min(customer_id) as customer_id,
    min(touched_at) as contacted_at
from journeys.touches
where channel = getvariable('contact_channel')
group by case when ticket_id is null then touch_id else source || ':' || ticket_id end
