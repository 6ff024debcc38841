-- Ids that stand for nobody in particular: placeholders such as 'null', and ids seen with more others than any person.
--
-- Grain: one row per (id_kind, id).
-- Settings: placeholder_ids, hub_above.
--
-- A placeholder is compared without regard to case and to blanks around it; an id of zeros alone is one, too. How many
-- other ids an id was seen with is counted over everything before as_of, so that it does not matter which came first.
with

combinations as (
    select
        list_filter(
            [
                'user:' || user_id, 'email:' || email_key, 'device:' || anonymous_id,
                'order:' || order_id, 'ticket:' || ticket_id
            ],
            lambda name: name is not null
        ) as names
    from journeys.identity_sets
),

seen as (
    select unnest(names) as name
    from combinations
),

counted as (
    select
        name,
        count(*) as n_combinations,
        lower(trim(substr(name, strpos(name, ':') + 1))) as folded
    from seen
    group by name
),

placeholders as (
    select name
    from counted
    where list_contains(getvariable('placeholder_ids'), folded) or regexp_full_match(folded, '[-0{}]*')
),

-- one combination shows an id with four others at most, which spares counting for nearly all
busy as (
    select counted.name
    from counted
    anti join placeholders on counted.name = placeholders.name
    where counted.n_combinations * 4 > getvariable('hub_above')
),

pairs as (
    select distinct
        busy.name,
        others.name as other_name
    from combinations
    cross join unnest(combinations.names) as ids (name)
    cross join unnest(combinations.names) as others (name)
    inner join busy on ids.name = busy.name
    where others.name <> ids.name
),

listed as (
    select
        name,
        'placeholder' as rule,
        cast(null as bigint) as n_linked
    from placeholders
    union all
    select
        name,
        'hub' as rule,
        count(*) as n_linked
    from pairs
    where other_name not in (select placeholders.name from placeholders)
    group by name
    having count(*) > getvariable('hub_above')
)

select
    split_part(name, ':', 1) as id_kind,
    substr(name, strpos(name, ':') + 1) as id,
    rule,
    n_linked
from listed
