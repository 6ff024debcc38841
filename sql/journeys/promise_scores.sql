-- How a customer scored us once they knew whether a promise was kept.
--
-- Grain: one row per promise case (promise, source, event_id) that is due and was scored.
-- Settings: survey_link_hours.
--
-- Only answers about the same ticket or order count (without one: the customer's, asked within survey_link_hours), and
-- only those given after the promise was fulfilled or, when broken, had come due. Kinds of score are never mixed: a
-- promise uses the kind that was answered most. Of several answers the last one counts.
with

answered as (
    select
        *,
        coalesce(invited_at, answered_at) as asked_at
    from journeys.answers
    where answered_at is not null
),

links as (
    select
        answer_id,
        unnest(['ticket:' || ticket_id, 'order:' || order_id, 'customer:' || customer_id]) as link
    from answered
),

matched as (
    select
        cases.promise,
        cases.source,
        cases.event_id,
        answered.answer_id,
        answered.answered_at,
        answered.score_kind,
        answered.score,
        answered.is_good
    from journeys.promise_cases as cases
    inner join links on cases.link = links.link
    inner join answered
        on
            links.answer_id = answered.answer_id
            and case when cases.is_kept then cases.fulfilled_at else cases.due_at end <= answered.answered_at
            and (
                cases.link not like 'customer:%'
                or case when cases.is_kept then cases.fulfilled_at else cases.due_at end
                + interval '1 hour' * getvariable('survey_link_hours') >= answered.asked_at
            )
    where cases.is_due
),

kinds as (
    select
        promise,
        score_kind
    from matched
    group by promise, score_kind
    qualify row_number() over (partition by promise order by count(*) desc, score_kind asc) = 1
)

select
    matched.promise,
    matched.source,
    matched.event_id,
    matched.score_kind,
    matched.score,
    matched.is_good
from matched
inner join kinds on matched.promise = kinds.promise and matched.score_kind = kinds.score_kind
qualify row_number() over (
    partition by matched.promise, matched.source, matched.event_id
    order by matched.answered_at desc, matched.answer_id asc
) = 1
