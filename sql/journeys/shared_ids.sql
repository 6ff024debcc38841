-- Ids that several people use, and ids that are none: listed here, merged with nobody.
--
-- Grain: one row per (id_kind, id).
-- Settings: device_shared_above, email_shared_above, order_shared_above, ticket_shared_above, hub_above.
--
-- An account is a login; an address stands for the login it was ever seen with. Addresses that never were seen with
-- one count as accounts only against each other: a login and such an address on one device are taken for one person.
-- Hubs, placeholders and shared addresses are nobody's account. All is counted over everything before as_of.
with

personal as (
    select
        seen.anonymous_id,
        seen.order_id,
        seen.ticket_id,
        case when users.id is null then seen.user_id end as user_id,
        case when addresses.id is null then seen.email_key end as email_key
    from journeys.identity_sets as seen
    left join journeys.hub_ids as users on users.id_kind = 'user' and seen.user_id = users.id
    left join journeys.hub_ids as addresses on addresses.id_kind = 'email' and seen.email_key = addresses.id
),

address_owners as (
    select
        email_key,
        min(user_id) as user_id,
        count(distinct user_id) as n_accounts,
        count(distinct user_id) > getvariable('email_shared_above') as is_shared
    from personal
    where email_key is not null and user_id is not null
    group by email_key
),

used_by as (
    select
        unnest([
            struct_pack(id_kind := 'device', id := anonymous_id),
            struct_pack(id_kind := 'order', id := order_id),
            struct_pack(id_kind := 'ticket', id := ticket_id)
        ]) as thing,
        user_id,
        email_key
    from personal
),

used as (
    select
        used_by.thing.id_kind,
        used_by.thing.id,
        greatest(
            count(distinct coalesce(used_by.user_id, case when not owners.is_shared then owners.user_id end)),
            count(distinct case when owners.user_id is null then used_by.email_key end)
        ) as n_accounts
    from used_by
    left join address_owners as owners on used_by.email_key = owners.email_key
    where used_by.thing.id is not null and coalesce(used_by.user_id, used_by.email_key) is not null
    group by used_by.thing.id_kind, used_by.thing.id
),

accounts as (
    select
        id_kind,
        id,
        n_accounts,
        case id_kind
            when 'device' then getvariable('device_shared_above')
            when 'order' then getvariable('order_shared_above')
            else getvariable('ticket_shared_above')
        end as n_allowed
    from used
    union all
    select
        'email' as id_kind,
        email_key as id,
        n_accounts,
        getvariable('email_shared_above') as n_allowed
    from address_owners
),

crowded as (
    select *
    from accounts
    where n_accounts > n_allowed
)

select
    coalesce(hubs.id_kind, crowded.id_kind) as id_kind,
    coalesce(hubs.id, crowded.id) as id,
    coalesce(hubs.rule, 'accounts') as rule,
    crowded.n_accounts,
    hubs.n_linked,
    case coalesce(hubs.rule, 'accounts')
        when 'accounts' then crowded.n_allowed
        when 'hub' then getvariable('hub_above')
    end as n_allowed
from crowded
full outer join journeys.hub_ids as hubs on crowded.id_kind = hubs.id_kind and crowded.id = hubs.id
