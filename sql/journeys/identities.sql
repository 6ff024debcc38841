-- Whose an id is, and since when that is known.
--
-- Grain: one row per (id_kind, id).
--
-- valid_from is the moment from which the id was known to be that of the customer of this name: the last merge on the
-- way from the id to the name, or when the id was first seen where it never was another's. Earlier events of the id are
-- the customer's too (an anonymous visit that logs in later); an analyst who must not look ahead compares event_at with
-- valid_from, and finds the names of before in journeys.identity_merges.
select
    ids.id_kind,
    ids.id,
    coalesce(customers.name, ids.name) as customer_id,
    coalesce(edges.first_seen_at, ids.first_seen_at) as valid_from,
    case
        when shared.id is not null then 'shared'
        when components.n_ids is null or components.n_ids = 1 then 'alone'
        when customers.name = ids.name then 'names_customer'
        else 'linked'
    end as rule,
    ids.first_seen_at,
    ids.id_number
from journeys.identity_ids as ids
left join journeys.identity_components as components on ids.id_number = components.id_number
left join journeys.identity_ids as customers on components.component_number = customers.id_number
left join journeys.identity_edges as edges on components.component_edge = edges.edge_number
left join journeys.shared_ids as shared on ids.id_kind = shared.id_kind and ids.id = shared.id
