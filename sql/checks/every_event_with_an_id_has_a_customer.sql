-- Question: Does every event that carries an id, and not a placeholder, have a customer?
-- Level: fail
with

named as (
    select
        source,
        event_id,
        unnest([
            'user:' || user_id, 'email:' || email_key, 'device:' || anonymous_id,
            'order:' || order_id, 'ticket:' || ticket_id
        ]) as name
    from journeys.events
    where customer_id is null
)

select
    named.source,
    count(distinct named.event_id) as n_events
from named
inner join journeys.identity_ids as ids on named.name = ids.name
group by named.source
