-- Question: Do the paths' journeys and the trend's journeys add up to all journeys, with the same revenue?
-- Level: fail
with

totals as (
    select
        (select count(*) from journeys.journeys) as n_journeys,
        (select coalesce(sum(paths.n_journeys), 0) from marts.paths as paths) as n_in_paths,
        (select coalesce(sum(trend.n_journeys_started), 0) from marts.trend as trend) as n_in_trend,
        (select coalesce(sum(journeys.revenue_minor), 0) from journeys.journeys as journeys) as revenue_minor,
        (select coalesce(sum(paths.revenue_minor), 0) from marts.paths as paths) as revenue_in_paths,
        (select coalesce(sum(trend.revenue_minor), 0) from marts.trend as trend) as revenue_in_trend
)

select *
from totals
where
    n_journeys <> n_in_paths or n_journeys <> n_in_trend
    or revenue_minor <> revenue_in_paths or revenue_minor <> revenue_in_trend
