-- Where the map has a touchpoint and where it has none.
--
-- Grain: one row per (stage, channel): every stage of the map with every channel that some touchpoint uses.
--
-- Not instrumented is not zero: without a touchpoint nobody knows how many touches there are, and n_touches is empty.
with

channels as (
    select distinct channel
    from rules.touchpoints
),

counted as (
    select
        stage,
        channel,
        count(*) as n_touchpoints,
        cast(sum(n_touches) as bigint) as n_touches
    from marts.touchpoint_metrics
    where segment = 'all'
    group by stage, channel
)

select
    stages.stage,
    channels.channel,
    coalesce(counted.n_touchpoints, 0) as n_touchpoints,
    counted.n_touches,
    counted.n_touchpoints is not null as is_instrumented
from rules.stages as stages
cross join channels
left join counted on stages.stage = counted.stage and channels.channel = counted.channel
