-- What each shape of event means on the journey map: its touchpoint, or none, and what else it stands for.
--
-- Grain: one row per shape_id.
-- Settings: conversion_stage_position.
--
-- The first touchpoint of the map whose rule is met wins. A conversion that no touchpoint recognises still ends a
-- journey: it is given the touchpoint 'conversion' in the stage of buying, so that no purchase is lost for want of a
-- rule.
with

meanings as (
    select
        shape_id,
        min(subject_position) filter (where kind = 'touchpoint') as touchpoint_position,
        count(*) filter (where kind = 'conversion') > 0 as is_conversion,
        count(*) filter (where kind = 'bot') > 0 as is_bot,
        count(*) filter (where kind = 'internal') > 0 as is_internal,
        count(*) filter (where kind = 'complaint') > 0 as is_complaint
    from journeys.shape_rules
    group by shape_id
),

conversion_stage as (
    select stage
    from rules.stages
    where position = getvariable('conversion_stage_position')
)

select
    shapes.shape_id,
    shapes.source,
    shapes.event_name,
    shapes.path,
    shapes.device,
    shapes.utm_campaign,
    shapes.rule_values,
    shapes.n_events,
    coalesce(touchpoints.touchpoint, case when meanings.is_conversion then 'conversion' end) as touchpoint,
    coalesce(touchpoints.stage, case when meanings.is_conversion then conversion_stage.stage end) as stage,
    coalesce(touchpoints.channel, case when meanings.is_conversion then 'conversion' end) as channel,
    coalesce(meanings.is_conversion, false) as is_conversion,
    coalesce(meanings.is_bot, false) as is_bot,
    coalesce(meanings.is_internal, false) as is_internal,
    coalesce(meanings.is_complaint, false) as is_complaint
from journeys.shapes as shapes
left join meanings on shapes.shape_id = meanings.shape_id
left join rules.touchpoints as touchpoints on meanings.touchpoint_position = touchpoints.position
left join conversion_stage on meanings.is_conversion
