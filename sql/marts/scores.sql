-- What customers said, counted: every kind of score by itself, for each stage and touchpoint.
--
-- Grain: one row per (segment, scope, id, metric) that somebody of the segment was asked about in the judged period.
--
-- An answer belongs to the segments of its journey; one without a journey counts for everyone ('all') only.
with

asked as (
    select
        answers.*,
        coalesce(sets.segment_bits, 1) as segment_bits
    from journeys.answers as answers
    left join journeys.journey_sets as sets on answers.journey_id = sets.journey_id
    where answers.is_judged and answers.score_kind is not null and answers.touchpoint is not null
),

scoped as (
    select
        'touchpoint' as scope,
        touchpoint as id,
        *
    from asked
    union all
    select
        'stage' as scope,
        stage as id,
        *
    from asked
    where stage is not null
)

select
    segments.segment,
    scoped.scope,
    scoped.id,
    scoped.score_kind as metric,
    count(scoped.invited_at) as n_invited,
    count(scoped.answered_at) as n_answered,
    count(case when scoped.invited_at is null then scoped.answered_at end) as n_uninvited,
    count(case when scoped.invited_at is not null then scoped.answered_at end)
    / nullif(count(scoped.invited_at), 0) as response_share,
    count(case when scoped.is_good then 1 end) as n_good,
    count(case when scoped.is_bad then 1 end) as n_bad,
    count(case when scoped.is_good then 1 end) / nullif(count(scoped.answered_at), 0) as good_share,
    100 * (count(case when scoped.is_good then 1 end) - count(case when scoped.is_bad then 1 end))
    / nullif(count(scoped.answered_at), 0) as net_score,
    avg(scoped.score) as mean_score
from scoped
inner join journeys.segments as segments on (scoped.segment_bits >> segments.bit) & 1 = 1
group by segments.segment, scoped.scope, scoped.id, scoped.score_kind
