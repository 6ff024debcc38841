-- Each stage of the journey: who came, who moved on, how satisfied they are and who needed help.
--
-- Grain: one row per (segment, stage), every stage of the map for every segment, over the judged period.
--
-- Shares of progress count matured entries only; open ones are shown beside them and are never lost.
select
    segments.segment,
    stages.stage,
    stages.position as stage_position,
    coalesce(progress.n_entered, 0) as n_entered,
    coalesce(progress.n_matured, 0) as n_matured,
    coalesce(progress.n_progressed, 0) as n_progressed,
    coalesce(progress.n_matured - progress.n_progressed, 0) as n_dropped,
    coalesce(progress.n_entered - progress.n_matured, 0) as n_open,
    progress.n_progressed / nullif(progress.n_matured, 0) as progressed_share_of_matured,
    timing.progressed_share_km,
    timing.median_hours_to_progress,
    coalesce(csat.n_answered, 0) as n_csat,
    coalesce(csat.n_good, 0) as n_satisfied,
    csat.good_share as csat_share,
    coalesce(nps.n_answered, 0) as n_nps,
    coalesce(nps.n_good, 0) as n_promoters,
    coalesce(nps.n_bad, 0) as n_detractors,
    nps.net_score as nps,
    coalesce(contacts.n_watched, 0) as n_watched,
    coalesce(contacts.n_contacted, 0) as n_contacted,
    contacts.n_contacted / nullif(contacts.n_watched, 0) as contact_share,
    coalesce(progress.n_customers, 0) as n_customers,
    coalesce(progress.revenue_minor, 0) as revenue_minor,
    getvariable('shop_currency') as currency
from journeys.segments as segments
cross join rules.stages as stages
left join marts.stage_progress as progress
    on segments.segment = progress.segment and stages.stage = progress.stage
left join marts.stage_timing as timing
    on segments.segment = timing.segment and stages.stage = timing.stage
left join marts.scores as csat
    on segments.segment = csat.segment and stages.stage = csat.id and csat.scope = 'stage' and csat.metric = 'csat_5'
left join marts.scores as nps
    on segments.segment = nps.segment and stages.stage = nps.id and nps.scope = 'stage' and nps.metric = 'nps_10'
left join marts.contact_rates as contacts
    on segments.segment = contacts.segment and stages.stage = contacts.id and contacts.scope = 'stage'
