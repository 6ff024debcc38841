-- Question: Is every event kept exactly once?
-- Level: fail
select
    (select count(*) from journeys.event_owners) as n_staged,
    (select count(*) from journeys.events) as n_events,
    (select sum(n_events) from journeys.event_shapes) as n_in_shapes
where
    (select count(*) from journeys.events) <> (select count(*) from journeys.event_owners)
    or (select count(*) from journeys.events)
    <> (select coalesce(sum(shapes.n_events), 0) from journeys.event_shapes as shapes)
