-- What an event looks like to a rule: rules are matched against these few shapes, never against every event.
--
-- Grain: one row per distinct (source, event_name, path, device, utm_campaign, rule_values) seen before as_of.
-- Settings: as_of, rule_properties.
--
-- rule_values holds the event's properties that some rule tests, in the order of rule_properties. A shape's number is
-- made from what it looks like alone, so that a new shape does not number the others anew.
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
    cast('0x' || left(md5(
        cast(to_json([source, event_name, path, device, utm_campaign]) as varchar)
        || coalesce(cast(to_json(rule_values) as varchar), '')
    ), 15) as bigint) as shape_id,
    source,
    event_name,
    path,
    device,
    utm_campaign,
    rule_values,
    n_events
from looks
