-- Something happened that ought to be followed up (a cart was abandoned), and whether it was.
--
-- Grain: one row per (recovery, journey_id) whose last such event the customer did not settle within the window.
-- Settings: as_of, judged_days.
--
-- An `unless` event at or after it and within the window settles the matter: then nothing was due, and there is no
-- row. It is met by a touch at the expected touchpoint within the window. Until the window has passed the case is
-- open.
with

rule_events as (
    select
        met.kind,
        met.subject as recovery,
        events.customer_id,
        events.event_at
    from journeys.events as events
    inner join journeys.shape_rules as met on events.shape_id = met.shape_id
    where
        met.kind in ('recovery_after', 'recovery_unless')
        and events.customer_id is not null and not events.is_bot and not events.is_internal
),

-- An event needs no touchpoint to start a case: it belongs to the journey that its customer started last before it.
in_journeys as (
    select
        events.recovery,
        events.customer_id,
        events.event_at,
        arg_max(journeys.journey_id, journeys.journey_number) as journey_id
    from rule_events as events
    inner join journeys.journeys as journeys
        on events.customer_id = journeys.customer_id and events.event_at >= journeys.started_at
    where events.kind = 'recovery_after'
    group by events.recovery, events.customer_id, events.event_at
),

cases as (
    select
        started.recovery,
        started.journey_id,
        min(started.customer_id) as customer_id,
        max(started.event_at) as happened_at,
        max(started.event_at) + interval '1 second' * min(recoveries.within_seconds) as due_at,
        min(recoveries.touchpoint) as touchpoint
    from in_journeys as started
    inner join rules.recoveries as recoveries on started.recovery = recoveries.recovery
    group by started.recovery, started.journey_id
),

unsettled as (
    select cases.*
    from cases
    anti join rule_events as settling
        on
            settling.kind = 'recovery_unless'
            and cases.recovery = settling.recovery
            and cases.customer_id = settling.customer_id
            and cases.happened_at <= settling.event_at
            and cases.due_at >= settling.event_at
),

followed as (
    select
        unsettled.recovery,
        unsettled.journey_id,
        min(touches.touched_at) as met_at
    from unsettled
    inner join journeys.touches as touches
        on
            unsettled.customer_id = touches.customer_id
            and unsettled.touchpoint = touches.touchpoint
            and unsettled.happened_at <= touches.touched_at
            and unsettled.due_at >= touches.touched_at
    group by unsettled.recovery, unsettled.journey_id
)

select
    unsettled.recovery,
    unsettled.journey_id,
    unsettled.customer_id,
    unsettled.happened_at,
    unsettled.due_at,
    followed.met_at,
    unsettled.due_at <= getvariable('as_of') as is_due,
    coalesce(unsettled.due_at > getvariable('as_of') - interval '1 day' * getvariable('judged_days'), true) as is_judged
from unsettled
left join followed on unsettled.recovery = followed.recovery and unsettled.journey_id = followed.journey_id
