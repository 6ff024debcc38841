-- What each combination of ids says: whose its events are by their own ids alone, and which ids it links.
--
-- Grain: one row per (source, anonymous_id, user_id, email_key, order_id, ticket_id) of journeys.identity_sets.
--
-- Ids rank login, address, device, order, ticket. An event's own id is the first of them that is not shared, and only
-- where all are shared the first of those: a call centre's address does not claim the orders that it placed for others.
-- Placeholders claim nothing. A family's tablet must not melt its members into one customer, so shared ids link nobody.
with

names as (
    select
        seen.*,
        case when users.id is null then 'user:' || seen.user_id end as user_name,
        case when emails.id is null then 'email:' || seen.email_key end as email_name,
        case when devices.id is null then 'device:' || seen.anonymous_id end as device_name,
        case when orders.id is null then 'order:' || seen.order_id end as order_name,
        case when tickets.id is null then 'ticket:' || seen.ticket_id end as ticket_name,
        coalesce(
            case when users.rule <> 'placeholder' then 'user:' || seen.user_id end,
            case when emails.rule <> 'placeholder' then 'email:' || seen.email_key end,
            case when devices.rule <> 'placeholder' then 'device:' || seen.anonymous_id end,
            case when orders.rule <> 'placeholder' then 'order:' || seen.order_id end,
            case when tickets.rule <> 'placeholder' then 'ticket:' || seen.ticket_id end
        ) as shared_name
    from journeys.identity_sets as seen
    left join journeys.shared_ids as users on users.id_kind = 'user' and seen.user_id = users.id
    left join journeys.shared_ids as emails on emails.id_kind = 'email' and seen.email_key = emails.id
    left join journeys.shared_ids as devices on devices.id_kind = 'device' and seen.anonymous_id = devices.id
    left join journeys.shared_ids as orders on orders.id_kind = 'order' and seen.order_id = orders.id
    left join journeys.shared_ids as tickets on tickets.id_kind = 'ticket' and seen.ticket_id = tickets.id
)

select
    source,
    anonymous_id,
    user_id,
    email_key,
    order_id,
    ticket_id,
    coalesce(user_name, email_name, device_name, order_name, ticket_name, shared_name) as own_id,
    list_filter(
        [user_name, email_name, device_name, order_name, ticket_name], lambda name: name is not null
    ) as linked_ids,
    first_seen_at,
    n_events
from names
