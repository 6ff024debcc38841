-- Who entered each stage, and who moved on: the counts behind marts.stage_metrics.
--
-- Grain: one row per (segment, stage) that some journey of the segment entered, over the judged period.
with

entries as (
    select
        entries.*,
        sets.segment_bits
    from journeys.stage_entries as entries
    inner join journeys.journey_sets as sets on entries.journey_id = sets.journey_id
    where entries.is_judged
),

counted as (
    select
        entries.stage,
        entries.segment_bits,
        count(*) as n_entered,
        count(case when entries.is_matured then 1 end) as n_matured,
        count(case when entries.is_matured and entries.status = 'progressed' then 1 end) as n_progressed,
        sum(buying.revenue_minor) as revenue_minor
    from entries
    left join journeys.journeys as buying
        on entries.journey_id = buying.journey_id and buying.revenue_minor <> 0
    group by entries.stage, entries.segment_bits
),

-- A customer's segments are those of all their entries together, so that nobody is counted twice.
customers as (
    select
        stage,
        customer_id,
        bit_or(segment_bits) as segment_bits
    from entries
    group by stage, customer_id
),

customer_counts as (
    select
        stage,
        segment_bits,
        count(*) as n_customers
    from customers
    group by stage, segment_bits
),

customers_by_segment as (
    select
        segments.segment,
        customer_counts.stage,
        sum(customer_counts.n_customers) as n_customers
    from customer_counts
    inner join journeys.segments as segments on (customer_counts.segment_bits >> segments.bit) & 1 = 1
    group by segments.segment, customer_counts.stage
),

entries_by_segment as (
    select
        segments.segment,
        counted.stage,
        sum(counted.n_entered) as n_entered,
        sum(counted.n_matured) as n_matured,
        sum(counted.n_progressed) as n_progressed,
        sum(counted.revenue_minor) as revenue_minor
    from counted
    inner join journeys.segments as segments on (counted.segment_bits >> segments.bit) & 1 = 1
    group by segments.segment, counted.stage
)

select
    entries_by_segment.segment,
    entries_by_segment.stage,
    cast(entries_by_segment.n_entered as bigint) as n_entered,
    cast(entries_by_segment.n_matured as bigint) as n_matured,
    cast(entries_by_segment.n_progressed as bigint) as n_progressed,
    cast(customers_by_segment.n_customers as bigint) as n_customers,
    cast(coalesce(entries_by_segment.revenue_minor, 0) as bigint) as revenue_minor
from entries_by_segment
inner join customers_by_segment
    on
        entries_by_segment.segment = customers_by_segment.segment
        and entries_by_segment.stage = customers_by_segment.stage
