-- Question: Is every session one customer's, from its first event on?
-- Level: fail
select
    session_id,
    min(customer_id) as one_customer_id,
    max(customer_id) as another_customer_id
from journeys.events
where session_id is not null
group by session_id
having min(customer_id) <> max(customer_id)
