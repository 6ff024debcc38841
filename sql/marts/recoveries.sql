-- What ought to be followed up, and how often it was, over the judged period.
--
-- Grain: one row per (recovery, segment), every recovery of the map for every segment.
with

counted as (
    select
        cases.recovery,
        segments.segment,
        count(case when cases.is_due then 1 end) as n_due,
        count(case when cases.is_due then cases.met_at end) as n_met,
        count(case when not cases.is_due then 1 end) as n_open
    from journeys.recovery_cases as cases
    inner join journeys.journey_sets as sets on cases.journey_id = sets.journey_id
    inner join journeys.segments as segments on (sets.segment_bits >> segments.bit) & 1 = 1
    where cases.is_judged
    group by cases.recovery, segments.segment
)

select
    recoveries.recovery,
    segments.segment,
    coalesce(counted.n_due, 0) as n_due,
    coalesce(counted.n_met, 0) as n_met,
    counted.n_met / nullif(counted.n_due, 0) as met_share,
    coalesce(counted.n_open, 0) as n_open
from rules.recoveries as recoveries
cross join journeys.segments as segments
left join counted on recoveries.recovery = counted.recovery and segments.segment = counted.segment
