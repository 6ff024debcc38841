-- Question: Does every touch belong to exactly one entry into a touchpoint and one into a stage?
-- Level: fail
with

counted as (
    select
        (select count(*) from journeys.touches) as n_touches,
        (select coalesce(sum(entries.n_touches), 0) from journeys.touchpoint_entries as entries) as n_in_entries
)

select
    n_touches,
    n_in_entries
from counted
where n_touches <> n_in_entries
