-- What the shop says, week by week: how often each promise was kept, and what customers thought of it.
--
-- Grain: one row per (promise, by_value, week_on), over all history.
--
-- by_value 'all' is everyone, other rows are the values of the promise's by-property. Weeks begin on Monday and are
-- those in which the promise was made. Scores are of one kind, the one answered most.
select
    promise,
    by_value,
    week_on,
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
group by promise, by_value, week_on
