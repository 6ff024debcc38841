-- Question: Does every refund belong to a purchase that we know?
-- Level: warn
select
    payments.source,
    payments.order_id,
    payments.revenue_minor
from journeys.payments as payments
anti join journeys.payment_journeys as placed
    on payments.source = placed.source and payments.event_id = placed.event_id
where not payments.is_conversion
