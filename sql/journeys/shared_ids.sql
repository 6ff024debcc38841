-- Devices and e-mail addresses that several people use: listed here, merged with nobody.
--
-- Grain: one row per (id_kind, id) with more accounts than device_shared_above or email_shared_above.
-- Settings: device_shared_above, email_shared_above.
--
-- An account is a login; an address stands for the login it was ever seen with. Addresses that never were seen with
-- one count as accounts only against each other: a login and such an address on one device are taken for one person.
with

address_owners as (
    select
        email_key,
        min(user_id) as user_id,
        count(distinct user_id) as n_accounts
    from journeys.identity_sets
    where email_key is not null and user_id is not null
    group by email_key
),

devices as (
    select
        seen.anonymous_id,
        greatest(
            count(distinct coalesce(seen.user_id, address_owners.user_id)),
            count(distinct case when address_owners.user_id is null then seen.email_key end)
        ) as n_accounts
    from journeys.identity_sets as seen
    left join address_owners on seen.email_key = address_owners.email_key
    where seen.anonymous_id is not null and coalesce(seen.user_id, seen.email_key) is not null
    group by seen.anonymous_id
)

select
    'device' as id_kind,
    anonymous_id as id,
    n_accounts
from devices
where n_accounts > getvariable('device_shared_above')

union all

select
    'email' as id_kind,
    email_key as id,
    n_accounts
from address_owners
where n_accounts > getvariable('email_shared_above')
