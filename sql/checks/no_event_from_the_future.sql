-- Question: Does every event lie before as_of?
-- Level: fail
select
    source,
    max(event_at) as last_event_at,
    count(*) as n_events
from journeys.events
where event_at >= getvariable('as_of')
group by source
