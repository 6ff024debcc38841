-- A journey comes to a touchpoint: when first, how often, and whether it moved on from there.
--
-- Grain: one row per (journey_id, touchpoint).
-- Settings: as_of, judged_days, conversion_stage_position.
--
-- The first touch is the entry; progress and windows are those of the touchpoint's stage, as in
-- journeys.stage_entries. A conversion is never its own progress: a journey that enters by converting has to reach a
-- later stage.
with

entries as (
    select
        journey_id,
        touchpoint,
        min(customer_id) as customer_id,
        min(stage_position) as stage_position,
        min(touch_number) as entry_number,
        min(touched_at) as entered_at,
        arg_min(is_conversion, touch_number) as is_conversion,
        count(*) as n_touches,
        count(case when is_out_of_order then 1 end) as n_out_of_order
    from journeys.touches
    group by journey_id, touchpoint
),

reached as (
    select
        entries.journey_id,
        entries.touchpoint,
        min(later.touched_at) as reached_at
    from entries
    inner join journeys.touches as later
        on
            entries.journey_id = later.journey_id
            and entries.stage_position < later.stage_position
            and entries.entry_number < later.touch_number
    where later.stage_position > later.previous_stage_position
    group by entries.journey_id, entries.touchpoint
),

bought_again as (
    select
        entries.journey_id,
        entries.touchpoint,
        min(conversions.converted_at) as converted_at
    from entries
    inner join journeys.journeys as conversions
        on entries.customer_id = conversions.customer_id and entries.entered_at < conversions.converted_at
    where
        entries.stage_position > getvariable('conversion_stage_position')
        and entries.stage_position = (select max(stages.position) from rules.stages as stages)
    group by entries.journey_id, entries.touchpoint
),

with_progress as (
    select
        entries.*,
        stages.stage,
        sets.segment_bits,
        entries.entered_at + interval '1 second' * stages.within_seconds as window_ends_at,
        least(
            reached.reached_at,
            bought_again.converted_at,
            case
                when entries.stage_position <= getvariable('conversion_stage_position') and not entries.is_conversion
                    then bought.converted_at
            end
        ) as moved_on_at
    from entries
    inner join rules.stages as stages on entries.stage_position = stages.position
    inner join journeys.journey_sets as sets on entries.journey_id = sets.journey_id
    left join reached on entries.journey_id = reached.journey_id and entries.touchpoint = reached.touchpoint
    left join bought_again
        on entries.journey_id = bought_again.journey_id and entries.touchpoint = bought_again.touchpoint
    left join journeys.journeys as bought on entries.journey_id = bought.journey_id and bought.is_converted
)

select
    journey_id,
    touchpoint,
    customer_id,
    stage,
    segment_bits,
    entered_at,
    window_ends_at,
    case when moved_on_at <= window_ends_at then moved_on_at end as progressed_at,
    window_ends_at <= getvariable('as_of') as is_matured,
    coalesce(window_ends_at > getvariable('as_of') - interval '1 day' * getvariable('judged_days'), true) as is_judged,
    n_touches,
    n_out_of_order
from with_progress
