-- A customer complains (unsubscribes, reports spam), and which touch drove them to it.
--
-- Grain: one row per (source, event_id) of a complaint.
-- Settings: complaint_days.
--
-- A complaint that a touchpoint's rule recognises is that touchpoint's own. Any other is laid at the last touch of the
-- same feed within complaint_days before it, one of the same campaign first. Without such a touch it is nobody's.
with

complaints as (
    select
        source,
        event_id,
        customer_id,
        event_at as complained_at,
        utm_campaign
    from journeys.events
    where is_complaint and customer_id is not null and not is_bot and not is_internal
),

candidates as (
    select
        complaints.source,
        complaints.event_id,
        touches.journey_id,
        touches.touchpoint,
        struct_pack(
            is_itself := complaints.source || ':' || complaints.event_id = touches.touch_id,
            is_same_campaign := coalesce(complaints.utm_campaign = touches.utm_campaign, false),
            touched_at := touches.touched_at,
            stage_position := touches.stage_position,
            touch_id := touches.touch_id
        ) as closeness
    from complaints
    inner join journeys.touches as touches
        on
            complaints.customer_id = touches.customer_id
            and complaints.source = touches.source
            and complaints.complained_at >= touches.touched_at
            and complaints.complained_at <= touches.touched_at + interval '1 day' * getvariable('complaint_days')
),

blamed as (
    select
        source,
        event_id,
        arg_max(journey_id, closeness) as journey_id,
        arg_max(touchpoint, closeness) as touchpoint
    from candidates
    group by source, event_id
)

select
    complaints.source,
    complaints.event_id,
    complaints.customer_id,
    complaints.complained_at,
    blamed.journey_id,
    blamed.touchpoint
from complaints
left join blamed on complaints.source = blamed.source and complaints.event_id = blamed.event_id
