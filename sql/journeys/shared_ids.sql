-- Devices and e-mail addresses that several people use: listed here, merged with nobody.
--
-- Grain: one row per (id_kind, id) with more accounts than device_shared_above or email_shared_above.
-- Settings: device_shared_above, email_shared_above.
--
-- An account is a user_id. An address that was seen without a user_id counts as an account of its own only when it
-- belongs to no user_id anywhere; otherwise one person's address and login would count as two people.
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

device_accounts as (
    select
        seen.anonymous_id,
        coalesce(
            'user:' || seen.user_id, 'user:' || address_owners.user_id, 'email:' || seen.email_key
        ) as account
    from journeys.identity_sets as seen
    left join address_owners on seen.email_key = address_owners.email_key
    where seen.anonymous_id is not null and coalesce(seen.user_id, seen.email_key) is not null
),

devices as (
    select
        anonymous_id,
        count(distinct account) as n_accounts
    from device_accounts
    group by anonymous_id
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
