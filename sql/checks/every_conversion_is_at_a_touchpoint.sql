-- Question: Does some touchpoint of the map recognise every conversion?
-- Level: warn
select
    source,
    event_name,
    sum(n_events) as n_events
from journeys.event_shapes
where is_conversion and touchpoint = 'conversion'
group by source, event_name
