-- Question: Does every journey convert at most once, with all its other touches before or after the sale?
-- Level: fail
select
    journey_id,
    count(*) as n_conversions
from journeys.touches
where is_conversion
group by journey_id
having count(*) > 1
