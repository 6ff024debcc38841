-- How satisfied customers are, by kind of score, with how many were asked.
--
-- Grain: one row per (scope, id, metric): a stage or touchpoint and a kind of score asked about in the judged period.
--
-- nps_10 is a net score in points, promoters less detractors; every other kind is the share of good answers.
select
    scope,
    id,
    metric,
    n_invited,
    n_answered,
    response_share,
    n_good,
    n_bad,
    case metric when 'nps_10' then net_score else good_share end as score,
    case metric when 'nps_10' then net_low else good_low end as low,
    case metric when 'nps_10' then net_high else good_high end as high,
    mean_score
from marts.scores
where segment = 'all'
