-- What the shop says, over the judged period: how often each promise was kept, and what customers thought of it.
--
-- Grain: one row per (promise, by_value).
--
-- by_value 'all' is everyone, other rows are the values of the promise's by-property. Scores are of one kind, the one
-- answered most.
select
    promise,
    by_value,
    cast(sum(n_due) as bigint) as n_due,
    cast(sum(n_kept) as bigint) as n_kept,
    cast(sum(n_kept) as bigint) / nullif(cast(sum(n_due) as bigint), 0) as kept_share,
    min(score_kind) as score_kind,
    cast(sum(n_scored_when_kept) as bigint) as n_scored_when_kept,
    sum(n_good_when_kept) / nullif(sum(n_scored_when_kept), 0) as csat_when_kept,
    sum(score_sum_when_kept) / nullif(sum(n_scored_when_kept), 0) as mean_score_when_kept,
    cast(sum(n_scored_when_broken) as bigint) as n_scored_when_broken,
    sum(n_good_when_broken) / nullif(sum(n_scored_when_broken), 0) as csat_when_broken,
    sum(score_sum_when_broken) / nullif(sum(n_scored_when_broken), 0) as mean_score_when_broken,
    cast(sum(n_open) as bigint) as n_open
from marts.promise_counts
where is_judged
group by promise, by_value
