-- How long it takes to move on from a stage, and the share that will, open journeys included.
--
-- Grain: one row per (segment, stage) that some journey of the segment entered, over the judged period.
-- Settings: as_of.
--
-- progressed_share_km is the Kaplan-Meier estimate at the end of the window: an entry whose window is still open
-- counts as being at risk for as long as it has been watched. Times are counted in whole minutes; within one minute
-- progress comes before what is only no longer watched. The median is over matured entries that progressed.
with

minutes as (
    select
        entries.stage,
        sets.segment_bits,
        cast(floor((
            epoch(coalesce(entries.progressed_at, least(entries.window_ends_at, getvariable('as_of'))))
            - epoch(entries.entered_at)
        ) / 60) as bigint) as minute,
        count(*) as n_entries,
        count(entries.progressed_at) as n_progressed
    from journeys.stage_entries as entries
    inner join journeys.journey_sets as sets on entries.journey_id = sets.journey_id
    where entries.is_judged
    group by all
),

minutes_by_segment as (
    select
        segments.segment,
        minutes.stage,
        minutes.minute,
        sum(minutes.n_entries) as n_entries,
        sum(minutes.n_progressed) as n_progressed
    from minutes
    inner join journeys.segments as segments on (minutes.segment_bits >> segments.bit) & 1 = 1
    group by segments.segment, minutes.stage, minutes.minute
),

at_risk as (
    select
        *,
        1 - n_progressed / sum(n_entries) over (
            partition by segment, stage order by minute rows between current row and unbounded following
        ) as share_staying
    from minutes_by_segment
),

survival as (
    select
        segment,
        stage,
        case
            when min(share_staying) = 0 then 1.0
            else round(1 - exp(sum(ln(nullif(share_staying, 0)) order by minute)), 12)
        end as progressed_share_km
    from at_risk
    group by segment, stage
),

medians as (
    select
        segments.segment,
        entries.stage,
        median((epoch(entries.progressed_at) - epoch(entries.entered_at)) / 3600.0) as median_hours_to_progress
    from journeys.stage_entries as entries
    inner join journeys.journey_sets as sets on entries.journey_id = sets.journey_id
    inner join journeys.segments as segments on (sets.segment_bits >> segments.bit) & 1 = 1
    where entries.is_judged and entries.is_matured and entries.status = 'progressed'
    group by segments.segment, entries.stage
)

select
    survival.segment,
    survival.stage,
    survival.progressed_share_km,
    medians.median_hours_to_progress
from survival
left join medians on survival.segment = medians.segment and survival.stage = medians.stage
