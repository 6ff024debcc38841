-- Where customers go round in circles or back, how often, and whether those who do buy less than others.
--
-- Grain: one row per (kind, touchpoint) that some closed journey of the judged period came to; kind is loop (it came
-- back to the touchpoint after being elsewhere) or backtrack (it came to the touchpoint from a later stage).
--
-- Long journeys loop more and buy more, so journeys that looped are compared with those of the same number of touches
-- that came to the touchpoint too and did not: expected_share is what those bought, weighted by the lengths of the
-- journeys that looped. A length at which nobody stayed straight compares with nothing and is left out. What follows a
-- purchase is no way to it and is not counted.
with

visits as (
    select
        touches.journey_id,
        touches.touchpoint,
        count(case when touches.touchpoint is distinct from touches.previous_touchpoint then 1 end) > 1 as has_looped,
        bool_or(coalesce(touches.stage_position < touches.previous_stage_position, false)) as has_backtracked
    from journeys.touches as touches
    where not touches.is_after_sale
    group by touches.journey_id, touches.touchpoint
),

kinds as (
    select
        'loop' as kind,
        journey_id,
        touchpoint,
        has_looped as is_flagged
    from visits
    union all
    select
        'backtrack' as kind,
        journey_id,
        touchpoint,
        has_backtracked as is_flagged
    from visits
),

by_length as (
    select
        kinds.kind,
        kinds.touchpoint,
        least(journeys.n_touches, 30) as length,
        count(*) as n_journeys,
        count(case when kinds.is_flagged then 1 end) as n_flagged,
        count(case when kinds.is_flagged and journeys.is_converted then 1 end) as n_flagged_converted,
        count(case when not kinds.is_flagged then 1 end) as n_straight,
        count(case when not kinds.is_flagged and journeys.is_converted then 1 end) as n_straight_converted
    from kinds
    inner join journeys.journeys as journeys on kinds.journey_id = journeys.journey_id
    where journeys.is_judged and not journeys.is_open
    group by kinds.kind, kinds.touchpoint, least(journeys.n_touches, 30)
),

compared as (
    select
        kind,
        touchpoint,
        cast(sum(n_journeys) as bigint) as n_journeys,
        cast(sum(n_flagged) as bigint) as n_flagged,
        cast(sum(case when n_straight > 0 then n_flagged else 0 end) as bigint) as n_compared,
        cast(sum(case when n_straight > 0 then n_flagged_converted else 0 end) as bigint) as n_converted,
        sum(n_flagged * n_straight_converted / nullif(n_straight, 0) order by length) as n_expected
    from by_length
    group by kind, touchpoint
)

select
    kind,
    touchpoint,
    n_journeys,
    n_flagged,
    n_flagged / nullif(n_journeys, 0) as flagged_share,
    n_compared,
    n_converted,
    n_converted / nullif(n_compared, 0) as converted_share_of_compared,
    n_expected / nullif(n_compared, 0) as expected_share_of_compared
from compared
