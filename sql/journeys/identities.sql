-- Whose an id is: every device, address and login with its customer.
--
-- Grain: one row per (id_kind, id).
--
-- valid_from is the moment from which the id could be known to be this customer's: when it was first seen together
-- with another id of theirs, or first seen at all. Earlier events of the id are the customer's too (an anonymous visit
-- that logs in later), which is what an analyst who must not look ahead compares event_at with.
with

ids as (
    select
        'device' as id_kind,
        anonymous_id as id,
        min(first_seen_at) as first_seen_at
    from journeys.identity_sets
    where anonymous_id is not null
    group by anonymous_id
    union all
    select
        'email' as id_kind,
        email_key as id,
        min(first_seen_at) as first_seen_at
    from journeys.identity_sets
    where email_key is not null
    group by email_key
    union all
    select
        'user' as id_kind,
        user_id as id,
        min(first_seen_at) as first_seen_at
    from journeys.identity_sets
    where user_id is not null
    group by user_id
),

ends_of_edges as (
    select
        from_id as id,
        first_seen_at
    from journeys.identity_edges
    union all
    select
        to_id as id,
        first_seen_at
    from journeys.identity_edges
),

linked as (
    select
        id,
        min(first_seen_at) as linked_at
    from ends_of_edges
    group by id
)

select
    ids.id_kind,
    ids.id,
    coalesce(components.component, ids.id_kind || ':' || ids.id) as customer_id,
    coalesce(linked.linked_at, ids.first_seen_at) as valid_from,
    case
        when shared.id is not null then 'shared'
        when linked.id is null then 'alone'
        when components.component = ids.id_kind || ':' || ids.id then 'names_customer'
        else 'linked'
    end as rule
from ids
left join journeys.identity_components as components on ids.id_kind || ':' || ids.id = components.id
left join linked on ids.id_kind || ':' || ids.id = linked.id
left join journeys.shared_ids as shared on ids.id_kind = shared.id_kind and ids.id = shared.id
