-- Question: Does nobody progress before entering, or after the window, and is every share one that can be?
-- Level: fail
select
    journey_id,
    stage as id,
    entered_at
from journeys.stage_entries
where progressed_at < entered_at or progressed_at > window_ends_at or (status = 'dropped' and not is_matured)

union all

select
    journey_id,
    touchpoint as id,
    entered_at
from journeys.touchpoint_entries
where progressed_at < entered_at or progressed_at > window_ends_at
