-- How many customers complain about a touchpoint.
--
-- Grain: one row per (segment, touchpoint) that some customer of the segment complained about in the judged period.
--
-- A customer counts once for a touchpoint, however often they complain, so that the share of customers stays below
-- one.
with

complaining as (
    select
        entries.touchpoint,
        entries.customer_id,
        bit_or(entries.segment_bits) as segment_bits
    from journeys.complaints as complaints
    inner join journeys.touchpoint_entries as entries
        on complaints.journey_id = entries.journey_id and complaints.touchpoint = entries.touchpoint
    where entries.is_judged
    group by entries.touchpoint, entries.customer_id
)

select
    segments.segment,
    complaining.touchpoint,
    count(*) as n_complaints
from complaining
inner join journeys.segments as segments on (complaining.segment_bits >> segments.bit) & 1 = 1
group by segments.segment, complaining.touchpoint
