-- What an event looks like to a rule: rules are matched against these few shapes, never against every event.
--
-- Grain: one row per distinct (source, event_name, path, device, utm_campaign, rule_values) seen before as_of.
-- Settings: as_of, rule_properties.
--
-- rule_values holds the event's properties that some rule tests, in the order of rule_properties.
with

looks as (
    select
        source,
        event_name,
        path,
        device,
        utm_campaign,
        json_extract_string(properties, getvariable('rule_properties')) as rule_values,
        count(*) as n_events
    from staging.events
    where event_at < getvariable('as_of')
    group by all
)

select
    cast(row_number() over (
        order by source, event_name, path, device, utm_campaign, rule_values
    ) as integer) as shape_id,
    source,
    event_name,
    path,
    device,
    utm_campaign,
    rule_values,
    n_events
from looks
