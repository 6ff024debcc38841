-- Question: Do the touchpoints' touches for everyone add up to the touches of the judged entries?
-- Level: fail
with

entries as (
    select
        touchpoint,
        sum(n_touches) as n_touches,
        count(*) as n_journeys
    from journeys.touchpoint_entries
    where is_judged
    group by touchpoint
)

select
    metrics.touchpoint,
    metrics.n_touches,
    entries.n_touches as n_touches_of_entries
from marts.touchpoint_metrics as metrics
left join entries on metrics.touchpoint = entries.touchpoint
where
    metrics.segment = 'all'
    and (
        metrics.n_touches <> coalesce(entries.n_touches, 0) or metrics.n_journeys <> coalesce(entries.n_journeys, 0)
    )
