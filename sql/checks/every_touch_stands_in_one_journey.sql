-- Question: Does every touch belong to exactly one journey, in which touches are numbered without gaps?
-- Level: fail
with

numbered as (
    select
        journey_id,
        count(*) as n_touches,
        min(customer_id) <> max(customer_id) as is_of_two_customers,
        max(touch_number) as last_number,
        sum(touch_number) as sum_of_numbers
    from journeys.touches
    group by journey_id
)

select
    numbered.journey_id,
    numbered.n_touches,
    journeys.n_touches as n_touches_of_journey
from numbered
full join journeys.journeys as journeys on numbered.journey_id = journeys.journey_id
where
    coalesce(numbered.n_touches, 0) <> coalesce(journeys.n_touches, 0)
    or numbered.is_of_two_customers
    or numbered.last_number <> numbered.n_touches
    or numbered.sum_of_numbers <> numbered.n_touches * (numbered.n_touches + 1) / 2
