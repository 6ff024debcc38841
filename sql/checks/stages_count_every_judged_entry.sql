-- Question: Do the stages' numbers for everyone add up to the judged entries?
-- Level: fail
with

entries as (
    select
        stage,
        count(*) as n_entered,
        count(case when is_matured then 1 end) as n_matured,
        count(distinct customer_id) as n_customers
    from journeys.stage_entries
    where is_judged
    group by stage
)

select
    metrics.stage,
    metrics.n_entered,
    entries.n_entered as n_entries
from marts.stage_metrics as metrics
left join entries on metrics.stage = entries.stage
where
    metrics.segment = 'all'
    and (
        metrics.n_entered <> coalesce(entries.n_entered, 0)
        or metrics.n_matured <> coalesce(entries.n_matured, 0)
        or metrics.n_customers <> coalesce(entries.n_customers, 0)
    )
