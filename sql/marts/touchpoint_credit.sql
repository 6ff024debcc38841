-- How many purchases a touchpoint can be credited with, three ways.
--
-- Grain: one row per (segment, touchpoint) with credit for a purchase in the judged period.
--
-- First and last give a purchase whole to the journey's first or last touch before buying, linear gives every touch an
-- equal part of it. Equal parts are summed over few exact groups in a fixed order, so that the same input gives the
-- same bytes.
with

shares as (
    select
        credits.touchpoint,
        sets.segment_bits,
        credits.n_credited,
        credits.n_credited_in_journey,
        count(*) as n_journeys,
        count(case when credits.is_first then 1 end) as n_first,
        count(case when credits.is_last then 1 end) as n_last,
        sum(journeys.revenue_minor) as revenue_minor
    from journeys.credits as credits
    inner join journeys.journeys as journeys on credits.journey_id = journeys.journey_id
    inner join journeys.journey_sets as sets on credits.journey_id = sets.journey_id
    where journeys.is_judged
    group by credits.touchpoint, sets.segment_bits, credits.n_credited, credits.n_credited_in_journey
),

shares_by_segment as (
    select
        segments.segment,
        shares.touchpoint,
        shares.n_credited,
        shares.n_credited_in_journey,
        sum(shares.n_journeys) as n_journeys,
        sum(shares.n_first) as n_first,
        sum(shares.n_last) as n_last,
        sum(shares.revenue_minor) as revenue_minor
    from shares
    inner join journeys.segments as segments on (shares.segment_bits >> segments.bit) & 1 = 1
    group by segments.segment, shares.touchpoint, shares.n_credited, shares.n_credited_in_journey
)

select
    segment,
    touchpoint,
    cast(sum(n_first) as bigint) as credit_first,
    cast(sum(n_last) as bigint) as credit_last,
    sum(n_journeys * n_credited / n_credited_in_journey order by n_credited, n_credited_in_journey) as credit_linear,
    cast(round(sum(
        revenue_minor * n_credited / n_credited_in_journey order by n_credited, n_credited_in_journey
    )) as bigint) as credit_linear_revenue_minor
from shares_by_segment
group by segment, touchpoint
