-- Which person an order's customer_id belongs to.
--
-- Grain: one row per customer_id.
-- Settings: none.
--
-- The list has no times. A link holds whenever it is asked for, so it is dated before anything can have happened: rows
-- of other feeds are refused when they claim to be older. It makes no touch, since no touchpoint recognises it.
select
    'customers' as source,
    customer_id as event_id,
    'identified' as event_name,
    timestamp '2000-01-01 00:00:00' as event_at,
    cast(null as timestamp) as received_at,
    cast(null as varchar) as anonymous_id,
    person_id as user_id,
    customer_id as email_key,
    cast(null as varchar) as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    cast(null as varchar) as order_id,
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    cast(null as json) as properties,
    file_id,
    row_number
from landing.customers
