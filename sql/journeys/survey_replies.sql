-- One invitation to say what one thinks, and what came back, if anything.
--
-- Grain: one row per answer_id: an invitation, or an answer that nobody was invited to.
--
-- A code outside its scale (a survey's "11 = blank") is not an answer: it is kept and marked is_out_of_scale. Of
-- several answers to one invitation the last one counts. Good and bad: 4-5 and 1-2 on csat_5 and stars_5, 9-10 and 0-6
-- on nps_10, 5-7 and 1-3 on ces_7, 1 and 0 on thumb. Kinds are never averaged together.
with

messages as (
    select
        source,
        source || ':' || coalesce(invitation_id, event_id) as answer_id,
        invitation_id,
        customer_id,
        event_name = 'survey_answered' as is_answer,
        event_at,
        struct_pack(event_at := event_at, event_id := event_id) as moment,
        struct_pack(is_answer := event_name = 'survey_answered', event_at := event_at, event_id := event_id)
            as answer_moment,
        score_kind,
        score,
        case score_kind
            when 'csat_5' then score between 1 and 5
            when 'nps_10' then score between 0 and 10
            when 'ces_7' then score between 1 and 7
            when 'stars_5' then score between 1 and 5
            when 'thumb' then score between 0 and 1
        end as is_on_scale,
        json_extract_string(properties, '$.survey') as survey,
        touchpoint,
        order_id,
        ticket_id
    from journeys.events
    where event_name in ('survey_invited', 'survey_answered') and not is_bot and not is_internal
),

replies as (
    select
        answer_id,
        min(invitation_id) as invitation_id,
        arg_min(customer_id, moment) as customer_id,
        arg_min(survey, moment) as survey,
        arg_min(touchpoint, moment) as touchpoint,
        arg_max(score_kind, answer_moment) as score_kind,
        arg_max(score, moment) filter (where is_answer and is_on_scale) as score,
        min(case when not is_answer then event_at end) as invited_at,
        max(case when is_answer and is_on_scale then event_at end) as answered_at,
        min(event_at) as first_heard_at,
        bool_or(is_answer and score is not null and not coalesce(is_on_scale, false)) as is_out_of_scale,
        arg_min(order_id, moment) as order_id,
        arg_min(ticket_id, moment) as ticket_id
    from messages
    group by answer_id
)

select
    answer_id,
    invitation_id,
    customer_id,
    survey,
    touchpoint,
    score_kind,
    score,
    score >= case score_kind when 'nps_10' then 9 when 'ces_7' then 5 when 'thumb' then 1 else 4 end as is_good,
    score <= case score_kind when 'nps_10' then 6 when 'ces_7' then 3 when 'thumb' then 0 else 2 end as is_bad,
    is_out_of_scale and answered_at is null as is_out_of_scale,
    coalesce(invited_at, answered_at, first_heard_at) as asked_at,
    invited_at,
    answered_at,
    order_id,
    ticket_id
from replies
