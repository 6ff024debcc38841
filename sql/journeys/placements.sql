-- Where each touch stands: in which journey, in which place; the narrow half of journeys.touches.
--
-- Grain: one row per touch, (customer_id, event_number); bots, staff and events without a customer are left out.
-- Settings: journey_gap_days, after_sale_days, out_of_order_days, conversion_stage_position.
--
-- A journey is one attempt at buying. It starts at a customer's first touch, after a conversion, or after more than
-- journey_gap_days of silence (exactly the gap continues). What follows a purchase at a later stage than buying's,
-- within after_sale_days, belongs to the journey that bought, even while the next attempt is under way. Equal instants
-- are taken in the order of the stages.
with

touched as (
    select
        events.customer_id,
        events.event_number,
        events.event_at as touched_at,
        events.touchpoint,
        events.is_conversion,
        stages.position as stage_position
    from journeys.events as events
    inner join rules.stages as stages on events.stage = stages.stage
    where events.customer_id is not null and not events.is_bot and not events.is_internal
),

with_conversions as (
    select
        *,
        count(case when is_conversion then 1 end) over before_it as n_conversions_before,
        last_value(case when is_conversion then touched_at end ignore nulls) over before_it as last_converted_at
    from touched
    window before_it as (
        partition by customer_id order by touched_at, stage_position, event_number
        rows between unbounded preceding and 1 preceding
    )
),

with_kind as (
    select
        *,
        coalesce(
            not is_conversion
            and stage_position > getvariable('conversion_stage_position')
            and touched_at <= last_converted_at + interval '1 day' * getvariable('after_sale_days'),
            false
        ) as is_after_sale
    from with_conversions
),

with_previous as (
    select
        *,
        n_conversions_before - cast(is_after_sale as integer) as attempt,
        row_number() over in_attempt as number_in_attempt,
        lag(touched_at) over in_attempt as previous_touched_at,
        lag(touchpoint) over in_attempt as previous_touchpoint,
        lag(stage_position) over in_attempt as previous_stage_position
    from with_kind
    window in_attempt as (
        partition by customer_id, n_conversions_before - cast(is_after_sale as integer)
        order by is_after_sale, touched_at, stage_position, event_number
    )
),

with_start as (
    select
        *,
        number_in_attempt = 1 or (
            not is_after_sale and touched_at > previous_touched_at + interval '1 day' * getvariable('journey_gap_days')
        ) as is_start
    from with_previous
)

select
    customer_id,
    event_number,
    stage_position,
    is_after_sale,
    coalesce(
        not is_after_sale and not is_conversion
        and stage_position < getvariable('conversion_stage_position')
        and touched_at <= last_converted_at + interval '1 day' * getvariable('out_of_order_days'),
        false
    ) as is_out_of_order,
    last_value(case when is_start then event_number end ignore nulls) over so_far as start_number,
    number_in_attempt + 1
    - last_value(case when is_start then number_in_attempt end ignore nulls) over so_far as touch_number,
    case when not is_start then previous_touchpoint end as previous_touchpoint,
    case when not is_start then previous_stage_position end as previous_stage_position
from with_start
window so_far as (
    partition by customer_id, attempt order by number_in_attempt
    rows between unbounded preceding and current row
)
