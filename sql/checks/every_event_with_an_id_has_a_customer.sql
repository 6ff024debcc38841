-- Question: Does every event that carries an id have a customer?
-- Level: fail
select
    source,
    count(*) as n_events
from journeys.events
where customer_id is null and coalesce(user_id, email_key, anonymous_id) is not null
group by source
