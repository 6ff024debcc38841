-- Who came to each touchpoint, and who moved on: the counts behind marts.touchpoint_metrics.
--
-- Grain: one row per (segment, touchpoint) that some journey of the segment came to, over the judged period.
with

counted as (
    select
        touchpoint,
        segment_bits,
        count(*) as n_journeys,
        count(case when is_matured then 1 end) as n_matured,
        count(case when is_matured then progressed_at end) as n_progressed,
        sum(n_touches) as n_touches,
        sum(n_out_of_order) as n_out_of_order
    from journeys.touchpoint_entries
    where is_judged
    group by touchpoint, segment_bits
),

-- A customer's segments are those of all their entries together, so that nobody is counted twice.
customers as (
    select
        touchpoint,
        customer_id,
        bit_or(segment_bits) as segment_bits
    from journeys.touchpoint_entries
    where is_judged
    group by touchpoint, customer_id
),

customer_counts as (
    select
        touchpoint,
        segment_bits,
        count(*) as n_customers
    from customers
    group by touchpoint, segment_bits
),

customers_by_segment as (
    select
        segments.segment,
        customer_counts.touchpoint,
        sum(customer_counts.n_customers) as n_customers
    from customer_counts
    inner join journeys.segments as segments on (customer_counts.segment_bits >> segments.bit) & 1 = 1
    group by segments.segment, customer_counts.touchpoint
),

entries_by_segment as (
    select
        segments.segment,
        counted.touchpoint,
        sum(counted.n_journeys) as n_journeys,
        sum(counted.n_matured) as n_matured,
        sum(counted.n_progressed) as n_progressed,
        sum(counted.n_touches) as n_touches,
        sum(counted.n_out_of_order) as n_out_of_order
    from counted
    inner join journeys.segments as segments on (counted.segment_bits >> segments.bit) & 1 = 1
    group by segments.segment, counted.touchpoint
)

select
    entries.segment,
    entries.touchpoint,
    cast(entries.n_touches as bigint) as n_touches,
    cast(customers.n_customers as bigint) as n_customers,
    cast(entries.n_journeys as bigint) as n_journeys,
    cast(entries.n_matured as bigint) as n_matured,
    cast(entries.n_progressed as bigint) as n_progressed,
    cast(entries.n_out_of_order as bigint) as n_out_of_order
from entries_by_segment as entries
inner join customers_by_segment as customers
    on entries.segment = customers.segment and entries.touchpoint = customers.touchpoint
