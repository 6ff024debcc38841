-- Everyone and every segment of the journey map, each with its bit.
--
-- Grain: one row per segment, 'all' included.
--
-- Marts group by all segments of a journey at once (journeys.journey_sets) and hand each group to the segments whose
-- bit is set: that is one pass over the journeys instead of one per segment.
select
    'all' as segment,
    0 as bit
union all
select
    segment,
    position as bit
from rules.segments
