-- All segments of a journey in one number.
--
-- Grain: one row per journey_id.
--
-- The number's bits are those of journeys.segments; a map may hold up to 62 segments.
select
    memberships.journey_id,
    bit_or(cast(1 as bigint) << segments.bit) as segment_bits
from journeys.journey_segments as memberships
inner join journeys.segments as segments on memberships.segment = segments.segment
group by memberships.journey_id
