-- Each touchpoint day by day: the series that trends and detectors read, over all history.
--
-- Grain: one row per (touchpoint, kpi, cohort_on).
--
-- progressed: matured entries by the day of entry. csat, thumb, stars: answers by the day of the answer; kinds of
-- score are never mixed.
with

good_or_not as (
    select
        touchpoint,
        'progressed' as kpi,
        cast(entered_at as date) as cohort_on,
        progressed_at is not null as is_good
    from journeys.touchpoint_entries
    where is_matured
    union all
    select
        touchpoint,
        case score_kind when 'csat_5' then 'csat' when 'stars_5' then 'stars' else score_kind end as kpi,
        cast(answered_at as date) as cohort_on,
        is_good
    from journeys.answers
    where answered_at is not null and touchpoint is not null and score_kind in ('csat_5', 'stars_5', 'thumb')
)

select
    touchpoint,
    kpi,
    cohort_on,
    count(*) as n_matured,
    count(case when is_good then 1 end) as n_good
from good_or_not
group by touchpoint, kpi, cohort_on
