-- Question: Does the map have an exchange rate for every currency that customers paid in?
-- Level: warn
select
    paid_currency,
    count(*) as n_payments
from journeys.payments
where revenue_minor is null
group by paid_currency
