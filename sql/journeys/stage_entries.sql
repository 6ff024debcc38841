-- A journey reaches a stage: when, until when it is expected to move on, and whether it did.
--
-- Grain: one row per (journey_id, stage), at the journey's first touch there.
-- Settings: as_of, judged_days, conversion_stage_position.
--
-- Progress is reaching any later stage of the journey, or converting, at or after the entry and within the stage's
-- window (its end included). For a last stage that lies after buying, it is the customer's next conversion. An entry
-- whose window has not passed is never counted as dropped, and is not matured even when it has progressed already.
with

last_stage as (
    select max(position) as stage_position
    from rules.stages
),

entries as (
    select
        journey_id,
        min(customer_id) as customer_id,
        stage_position,
        min(touched_at) as entered_at
    from journeys.touches
    group by journey_id, stage_position
),

-- The first touch of a later stage always follows a touch of an earlier one: only steps upward need to be looked at.
reached as (
    select
        entries.journey_id,
        entries.stage_position,
        min(later.touched_at) as reached_at,
        arg_min(later.stage, later.touch_number) as next_stage
    from entries
    inner join journeys.touches as later
        on
            entries.journey_id = later.journey_id
            and entries.stage_position < later.stage_position
            and entries.entered_at <= later.touched_at
    where later.stage_position > later.previous_stage_position
    group by entries.journey_id, entries.stage_position
),

bought_again as (
    select
        entries.journey_id,
        entries.stage_position,
        min(conversions.converted_at) as converted_at
    from entries
    inner join last_stage on entries.stage_position = last_stage.stage_position
    inner join journeys.journeys as conversions
        on entries.customer_id = conversions.customer_id and entries.entered_at < conversions.converted_at
    where entries.stage_position > getvariable('conversion_stage_position')
    group by entries.journey_id, entries.stage_position
),

with_progress as (
    select
        entries.*,
        stages.stage,
        entries.entered_at + interval '1 second' * stages.within_seconds as window_ends_at,
        reached.reached_at,
        reached.next_stage,
        case
            when entries.stage_position <= getvariable('conversion_stage_position')
                then case when journeys.converted_at >= entries.entered_at then journeys.converted_at end
            else bought_again.converted_at
        end as converted_at
    from entries
    inner join rules.stages as stages on entries.stage_position = stages.position
    inner join journeys.journeys as journeys on entries.journey_id = journeys.journey_id
    left join reached
        on entries.journey_id = reached.journey_id and entries.stage_position = reached.stage_position
    left join bought_again
        on entries.journey_id = bought_again.journey_id and entries.stage_position = bought_again.stage_position
)

select
    journey_id,
    customer_id,
    stage,
    stage_position,
    entered_at,
    window_ends_at,
    case
        when least(reached_at, converted_at) <= window_ends_at then least(reached_at, converted_at)
    end as progressed_at,
    case when reached_at <= window_ends_at then next_stage end as next_stage,
    case
        when least(reached_at, converted_at) <= window_ends_at then 'progressed'
        when window_ends_at > getvariable('as_of') then 'open'
        else 'dropped'
    end as status,
    window_ends_at <= getvariable('as_of') as is_matured,
    coalesce(window_ends_at > getvariable('as_of') - interval '1 day' * getvariable('judged_days'), true) as is_judged
from with_progress
