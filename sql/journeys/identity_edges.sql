-- Two ids that belong to one person, because one event carried both.
--
-- Grain: one row per (from_id, to_id), written 'device:..', 'email:..' or 'user:..'.
--
-- Shared devices and addresses are left out: a family's tablet must not melt its members into one customer.
with

own_ids as (
    select
        case when device.id is null then 'device:' || seen.anonymous_id end as device_id,
        case when address.id is null then 'email:' || seen.email_key end as email_id,
        'user:' || seen.user_id as user_id,
        seen.first_seen_at
    from journeys.identity_sets as seen
    left join journeys.shared_ids as device
        on device.id_kind = 'device' and seen.anonymous_id = device.id
    left join journeys.shared_ids as address
        on address.id_kind = 'email' and seen.email_key = address.id
),

pairs as (
    select
        device_id as from_id,
        user_id as to_id,
        first_seen_at
    from own_ids
    union all
    select
        device_id as from_id,
        email_id as to_id,
        first_seen_at
    from own_ids
    union all
    select
        email_id as from_id,
        user_id as to_id,
        first_seen_at
    from own_ids
)

select
    from_id,
    to_id,
    min(first_seen_at) as first_seen_at
from pairs
where from_id is not null and to_id is not null
group by from_id, to_id
