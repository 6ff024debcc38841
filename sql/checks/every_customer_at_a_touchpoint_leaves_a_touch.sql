-- Question: Is every event of a customer at a touchpoint a touch, and no other?
-- Level: fail
with

expected as (
    select count(*) as n_events
    from journeys.events
    where touchpoint is not null and customer_id is not null and not is_bot and not is_internal
),

found as (
    select count(*) as n_touches
    from journeys.touches
)

select
    expected.n_events,
    found.n_touches
from expected
cross join found
where expected.n_events <> found.n_touches
