-- The ids that were seen together: what identity stitching starts from.
--
-- Grain: one row per distinct (source, anonymous_id, user_id, email_key, order_id, ticket_id) seen before as_of.
-- Settings: as_of.
--
-- Ids stand here as the feeds carry them, placeholders among them. An event without any id says nothing.
select
    source,
    anonymous_id,
    user_id,
    email_key,
    order_id,
    ticket_id,
    min(event_at) as first_seen_at,
    count(*) as n_events
from staging.events
where
    event_at < getvariable('as_of')
    and coalesce(anonymous_id, user_id, email_key, order_id, ticket_id) is not null
group by source, anonymous_id, user_id, email_key, order_id, ticket_id
