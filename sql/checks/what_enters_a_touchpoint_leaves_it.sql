-- Question: Are the transitions into a touchpoint, those out of it and its touches the same number?
-- Level: fail
with

flows as (
    select
        to_touchpoint as touchpoint,
        n_transitions as n_in,
        0 as n_out,
        0 as n_touches
    from marts.transitions
    where to_touchpoint not in ('exit', 'open')
    union all
    select
        from_touchpoint as touchpoint,
        0 as n_in,
        n_transitions as n_out,
        0 as n_touches
    from marts.transitions
    where from_touchpoint <> 'start'
    union all
    select
        touchpoint,
        0 as n_in,
        0 as n_out,
        count(*) as n_touches
    from journeys.touches
    group by touchpoint
)

select
    touchpoint,
    sum(n_in) as n_in,
    sum(n_out) as n_out,
    sum(n_touches) as n_touches
from flows
group by touchpoint
having sum(n_in) <> sum(n_touches) or sum(n_out) <> sum(n_touches)
