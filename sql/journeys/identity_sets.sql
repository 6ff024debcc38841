-- The ids that were seen together: what identity stitching starts from.
--
-- Grain: one row per distinct (anonymous_id, user_id, email_key) seen before as_of, where at least one is known.
-- Settings: as_of.
select
    anonymous_id,
    user_id,
    email_key,
    min(event_at) as first_seen_at,
    count(*) as n_events
from staging.events
where
    event_at < getvariable('as_of')
    and coalesce(anonymous_id, user_id, email_key) is not null
group by anonymous_id, user_id, email_key
