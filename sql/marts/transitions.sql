-- From which touchpoint to which: consecutive touches inside a journey, over all history.
--
-- Grain: one row per (from_touchpoint, to_touchpoint).
--
-- Every journey comes from 'start' and goes to 'exit' in the end, or to 'open' while it could still go on: so what
-- goes into a touchpoint, what comes out of it, and its touches are the same number. Repeats are kept.
with

steps as (
    select
        journey_id,
        coalesce(previous_touchpoint, 'start') as from_touchpoint,
        touchpoint as to_touchpoint,
        count(*) as n_transitions
    from journeys.touches
    group by journey_id, coalesce(previous_touchpoint, 'start'), touchpoint
),

ends as (
    select
        exit_touchpoint as from_touchpoint,
        case when is_open then 'open' else 'exit' end as to_touchpoint,
        count(*) as n_transitions
    from journeys.journeys
    group by exit_touchpoint, case when is_open then 'open' else 'exit' end
)

select
    from_touchpoint,
    to_touchpoint,
    cast(sum(n_transitions) as bigint) as n_transitions,
    count(*) as n_journeys
from steps
group by from_touchpoint, to_touchpoint

union all

select
    from_touchpoint,
    to_touchpoint,
    n_transitions,
    n_transitions as n_journeys
from ends
