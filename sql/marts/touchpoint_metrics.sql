-- Each touchpoint of the map: who came, who moved on, how they liked it, and what went wrong there.
--
-- Grain: one row per (segment, touchpoint), every touchpoint of the map for every segment, over the judged period.
--
-- A journey's first touch at a touchpoint is its entry; shares of progress count matured entries only.
select
    segments.segment,
    points.touchpoint,
    points.stage,
    points.channel,
    coalesce(progress.n_touches, 0) as n_touches,
    coalesce(progress.n_customers, 0) as n_customers,
    coalesce(progress.n_journeys, 0) as n_journeys,
    coalesce(progress.n_matured, 0) as n_matured,
    coalesce(progress.n_progressed, 0) as n_progressed,
    progress.n_progressed / nullif(progress.n_matured, 0) as progressed_share_of_matured,
    coalesce(progress.n_journeys - progress.n_matured, 0) as n_open,
    coalesce(exits.n_exits, 0) as n_exits,
    exits.n_exits / nullif(exits.n_lapsed, 0) as exit_share_of_dropped,
    coalesce(csat.n_answered, 0) as n_csat,
    coalesce(csat.n_good, 0) as n_satisfied,
    csat.good_share as csat_share,
    coalesce(nps.n_answered, 0) as n_nps,
    coalesce(nps.n_good, 0) as n_promoters,
    coalesce(nps.n_bad, 0) as n_detractors,
    nps.net_score as nps,
    coalesce(thumb.n_answered, 0) as n_thumb,
    coalesce(thumb.n_good, 0) as n_thumb_good,
    thumb.good_share as thumb_share,
    coalesce(stars.n_answered, 0) as n_stars,
    coalesce(stars.n_good, 0) as n_stars_good,
    stars.good_share as stars_share,
    stars.mean_score as mean_stars,
    coalesce(contacts.n_watched, 0) as n_watched,
    coalesce(contacts.n_contacted, 0) as n_contacted,
    contacts.n_contacted / nullif(contacts.n_watched, 0) as induced_contact_share,
    coalesce(complaints.n_complaints, 0) as n_complaints,
    coalesce(complaints.n_complaints, 0) / nullif(progress.n_customers, 0) as complained_share,
    coalesce(progress.n_out_of_order, 0) as n_out_of_order,
    progress.n_out_of_order / nullif(progress.n_touches, 0) as out_of_order_share,
    coalesce(credit.credit_first, 0) as credit_first,
    coalesce(credit.credit_last, 0) as credit_last,
    coalesce(credit.credit_linear, 0) as credit_linear,
    coalesce(credit.credit_linear_revenue_minor, 0) as credit_linear_revenue_minor,
    getvariable('shop_currency') as currency
from journeys.segments as segments
cross join rules.touchpoints as points
left join marts.touchpoint_progress as progress
    on segments.segment = progress.segment and points.touchpoint = progress.touchpoint
left join marts.touchpoint_exits as exits
    on segments.segment = exits.segment and points.touchpoint = exits.touchpoint
left join marts.scores as csat
    on
        segments.segment = csat.segment and points.touchpoint = csat.id
        and csat.scope = 'touchpoint' and csat.metric = 'csat_5'
left join marts.scores as nps
    on
        segments.segment = nps.segment and points.touchpoint = nps.id
        and nps.scope = 'touchpoint' and nps.metric = 'nps_10'
left join marts.scores as thumb
    on
        segments.segment = thumb.segment and points.touchpoint = thumb.id
        and thumb.scope = 'touchpoint' and thumb.metric = 'thumb'
left join marts.scores as stars
    on
        segments.segment = stars.segment and points.touchpoint = stars.id
        and stars.scope = 'touchpoint' and stars.metric = 'stars_5'
left join marts.contact_rates as contacts
    on segments.segment = contacts.segment and points.touchpoint = contacts.id and contacts.scope = 'touchpoint'
left join marts.touchpoint_complaints as complaints
    on segments.segment = complaints.segment and points.touchpoint = complaints.touchpoint
left join marts.touchpoint_credit as credit
    on segments.segment = credit.segment and points.touchpoint = credit.touchpoint
