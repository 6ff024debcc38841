-- Question: Is everyone who entered a stage or touchpoint either matured or open, and every matured one kept or lost?
-- Level: fail
select
    segment,
    'stage' as scope,
    stage as id
from marts.stage_metrics
where
    n_entered <> n_matured + n_open or n_matured <> n_progressed + n_dropped
    or least(n_entered, n_matured, n_progressed, n_dropped, n_open) < 0

union all

select
    segment,
    'touchpoint' as scope,
    touchpoint as id
from marts.touchpoint_metrics
where
    n_journeys <> n_matured + n_open
    or least(n_journeys, n_matured, n_progressed, n_matured - n_progressed, n_open) < 0
