-- What a customer was asked and said, and which touchpoint it is about.
--
-- Grain: one row per answer_id: an invitation, or an answer that nobody was invited to.
-- Settings: as_of, judged_days, survey_link_hours.
--
-- The touchpoint is the one that the journey map names for the survey, else the one whose rule recognises the survey's
-- event. Without either, it is the customer's last touch within survey_link_hours before being asked, and is_inferred.
-- The journey is the order's, else the ticket's, else that of the last touch at the touchpoint, else of the last
-- touch.
with

asked as (
    select
        replies.*,
        coalesce(surveys.touchpoint, replies.touchpoint) as said_touchpoint
    from journeys.survey_replies as replies
    left join rules.surveys as surveys on replies.survey = surveys.survey
),

candidates as (
    select
        asked.answer_id,
        touches.journey_id,
        touches.touchpoint,
        struct_pack(
            touched_at := touches.touched_at,
            stage_position := touches.stage_position,
            touch_id := touches.touch_id
        ) as moment,
        case
            when touches.order_id = asked.order_id then 3
            when touches.ticket_id = asked.ticket_id then 2
            when touches.touchpoint = asked.said_touchpoint then 1
            else 0
        end as closeness,
        asked.said_touchpoint is null
        and touches.touched_at >= asked.asked_at - interval '1 hour' * getvariable('survey_link_hours') as is_near
    from asked
    inner join journeys.touches as touches
        on asked.customer_id = touches.customer_id and asked.asked_at >= touches.touched_at
),

links as (
    select
        answer_id,
        arg_max(journey_id, struct_pack(closeness := closeness, moment := moment)) as journey_id,
        arg_max(touchpoint, moment) filter (where is_near) as near_touchpoint
    from candidates
    group by answer_id
)

select
    asked.answer_id,
    asked.invitation_id,
    asked.customer_id,
    asked.survey,
    coalesce(asked.said_touchpoint, links.near_touchpoint) as touchpoint,
    touchpoints.stage,
    asked.said_touchpoint is null and links.near_touchpoint is not null as is_inferred,
    asked.score_kind,
    asked.score,
    asked.is_good,
    asked.is_bad,
    asked.is_out_of_scale,
    asked.invited_at,
    asked.answered_at,
    coalesce(
        coalesce(asked.answered_at, asked.asked_at)
        >= getvariable('as_of') - interval '1 day' * getvariable('judged_days'), true
    ) as is_judged,
    asked.order_id,
    asked.ticket_id,
    links.journey_id
from asked
left join links on asked.answer_id = links.answer_id
left join rules.touchpoints as touchpoints
    on coalesce(asked.said_touchpoint, links.near_touchpoint) = touchpoints.touchpoint
