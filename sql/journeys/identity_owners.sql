-- Whose the events of a combination of ids are, with stitching and without.
--
-- Grain: one row per (source, anonymous_id, user_id, email_key, order_id, ticket_id) of journeys.identity_claims.
--
-- The customer is that of the combination's own id. Placeholders alone have no customer.
select
    claims.source,
    claims.anonymous_id,
    claims.user_id,
    claims.email_key,
    claims.order_id,
    claims.ticket_id,
    claims.own_id,
    identities.customer_id
from journeys.identity_claims as claims
inner join journeys.identities as identities
    on claims.own_id = identities.id_kind || ':' || identities.id
