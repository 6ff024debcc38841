-- Where journeys end that came to nothing.
--
-- Grain: one row per (segment, touchpoint) where some journey of the segment lapsed in the judged period.
with

lapsed as (
    select
        journeys.exit_touchpoint as touchpoint,
        sets.segment_bits,
        count(*) as n_exits
    from journeys.journeys as journeys
    inner join journeys.journey_sets as sets on journeys.journey_id = sets.journey_id
    where journeys.status = 'lapsed' and journeys.is_judged
    group by journeys.exit_touchpoint, sets.segment_bits
)

select
    segments.segment,
    lapsed.touchpoint,
    cast(sum(lapsed.n_exits) as bigint) as n_exits,
    cast(sum(sum(lapsed.n_exits)) over (partition by segments.segment) as bigint) as n_lapsed
from lapsed
inner join journeys.segments as segments on (lapsed.segment_bits >> segments.bit) & 1 = 1
group by segments.segment, lapsed.touchpoint
