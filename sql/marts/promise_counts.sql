-- Promises counted week by week: the sums behind marts.promises and marts.promise_metrics.
--
-- Grain: one row per (promise, by_value, week_on, is_judged); by_value is 'all', or a value of the promise's
-- by-property.
--
-- A week is that of the event which made the promise, and begins on Monday. Only what has come due is counted as kept
-- or broken; a promise fulfilled before it was due is still open until then.
with

cases as (
    select
        cases.promise,
        unnest(case
            when promises.by_property is null then ['all'] else ['all', coalesce(cases.by_value, 'unknown')]
        end) as by_value,
        cast(date_trunc('week', cases.made_at) as date) as week_on,
        cases.is_judged,
        cases.is_due,
        cases.is_kept,
        scores.score_kind,
        scores.score,
        scores.is_good
    from journeys.promise_cases as cases
    inner join rules.promises as promises on cases.promise = promises.promise
    left join journeys.promise_scores as scores
        on cases.promise = scores.promise and cases.source = scores.source and cases.event_id = scores.event_id
)

select
    promise,
    by_value,
    week_on,
    is_judged,
    count(case when is_due then 1 end) as n_due,
    count(case when is_due and is_kept then 1 end) as n_kept,
    count(case when not is_due then 1 end) as n_open,
    min(score_kind) as score_kind,
    count(case when is_kept then score end) as n_scored_when_kept,
    count(case when is_kept and is_good then 1 end) as n_good_when_kept,
    coalesce(sum(case when is_kept then score end), 0) as score_sum_when_kept,
    count(case when not is_kept then score end) as n_scored_when_broken,
    count(case when not is_kept and is_good then 1 end) as n_good_when_broken,
    coalesce(sum(case when not is_kept then score end), 0) as score_sum_when_broken
from cases
group by promise, by_value, week_on, is_judged
