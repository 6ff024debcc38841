-- Every id ever seen, numbered in the order in which customers are named.
--
-- Grain: one row per (id_kind, id), placeholders left out.
--
-- Numbers go by kind (login, address, device, order, ticket) and text, so the smallest number among a customer's ids
-- is the customer's name. They are the small change of the graph: links and components are pairs of numbers.
with

seen as (
    select
        unnest([
            'user:' || user_id, 'email:' || email_key, 'device:' || anonymous_id,
            'order:' || order_id, 'ticket:' || ticket_id
        ]) as name,
        first_seen_at
    from journeys.identity_sets
),

placeholders as (
    select id_kind || ':' || id as name
    from journeys.shared_ids
    where rule = 'placeholder'
),

ids as (
    select
        seen.name,
        split_part(seen.name, ':', 1) as id_kind,
        min(seen.first_seen_at) as first_seen_at
    from seen
    anti join placeholders on seen.name = placeholders.name
    where seen.name is not null
    group by seen.name
),

owned as (
    select
        own_id,
        cast(sum(n_events) as bigint) as n_events
    from journeys.identity_claims
    group by own_id
)

select
    cast(row_number() over (
        order by list_position(['user', 'email', 'device', 'order', 'ticket'], ids.id_kind), ids.name
    ) - 1 as integer) as id_number,
    ids.name,
    ids.id_kind,
    substr(ids.name, strpos(ids.name, ':') + 1) as id,
    ids.first_seen_at,
    coalesce(owned.n_events, 0) as n_events
from ids
left join owned on ids.name = owned.own_id
order by id_number
