-- The ways customers take, over all history.
--
-- Grain: one row per path; 'other' holds what is not among the path_rows most frequent ones.
-- Settings: path_length, path_rows.
--
-- A path is cut after path_length steps, which '...' marks. A journey that could still go on is no loss: shares leave
-- it out.
with

ways as (
    select
        array_to_string(array_slice(path, 1, getvariable('path_length')), ' > ')
        || case when array_length(path) > getvariable('path_length') then ' > ...' else '' end as path,
        least(array_length(path), getvariable('path_length')) as n_steps,
        is_open,
        is_converted,
        revenue_minor
    from journeys.journeys
),

counted as (
    select
        path,
        n_steps,
        count(*) as n_journeys,
        count(case when not is_open then 1 end) as n_closed,
        count(case when is_converted then 1 end) as n_converted,
        sum(revenue_minor) as revenue_minor
    from ways
    group by path, n_steps
),

ranked as (
    select
        *,
        row_number() over (order by n_journeys desc, path asc) <= getvariable('path_rows') as is_shown
    from counted
)

select
    case when is_shown then path else 'other' end as path,
    cast(case when is_shown then n_steps end as integer) as n_steps,
    cast(sum(n_journeys) as bigint) as n_journeys,
    cast(sum(n_closed) as bigint) as n_closed,
    cast(sum(n_converted) as bigint) as n_converted,
    cast(sum(n_converted) as bigint) / nullif(cast(sum(n_closed) as bigint), 0) as converted_share,
    cast(sum(revenue_minor) as bigint) as revenue_minor,
    getvariable('shop_currency') as currency
from ranked
group by case when is_shown then path else 'other' end, case when is_shown then n_steps end
