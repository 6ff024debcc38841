-- Question: Is every promise counted once for everyone, and do its parts add up to the whole?
-- Level: fail
with

cases as (
    select
        promise,
        count(*) as n_cases
    from journeys.promise_cases
    group by promise
),

counted as (
    select
        promise,
        sum(case when by_value = 'all' then n_due + n_open end) as n_all,
        sum(case when by_value <> 'all' then n_due + n_open end) as n_parts
    from marts.promise_counts
    group by promise
)

select
    cases.promise,
    cases.n_cases,
    counted.n_all,
    counted.n_parts
from cases
left join counted on cases.promise = counted.promise
where cases.n_cases <> coalesce(counted.n_all, 0) or cases.n_cases <> coalesce(counted.n_parts, cases.n_cases)
