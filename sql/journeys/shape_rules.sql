-- Which rules of the journey map a shape meets.
--
-- Grain: one row per (shape_id, kind, subject); kind is what the rule recognises, subject is the touchpoint, promise
-- or recovery it belongs to.
--
-- A rule's missing part means any. A shape may meet the rules of several touchpoints; event_shapes takes the first.
-- Names that look the same are the same, however their letters were put together (Unicode NFC).
with

composed as (
    select
        shape_id,
        source,
        nfc_normalize(event_name) as event_name,
        nfc_normalize(path) as path,
        device,
        nfc_normalize(utm_campaign) as utm_campaign,
        list_transform(rule_values, lambda value: nfc_normalize(value)) as rule_values
    from journeys.shapes
),

feed_events as (
    select distinct
        source,
        event_name
    from composed
),

rules_by_event as (
    select
        feed_events.source,
        feed_events.event_name,
        rules.kind,
        rules.subject,
        rules.subject_position,
        rules.path_glob,
        rules.path_regex,
        rules.device,
        rules.campaign_glob,
        rules.property_tests
    from rules.event_rules as rules
    inner join feed_events
        on
            feed_events.source = coalesce(rules.source, feed_events.source)
            and feed_events.event_name = coalesce(rules.event_name, feed_events.event_name)
)

select
    shapes.shape_id,
    rules.kind,
    rules.subject,
    min(rules.subject_position) as subject_position
from composed as shapes
inner join rules_by_event as rules
    on
        shapes.source = rules.source
        and shapes.event_name = rules.event_name
        and (rules.device is null or shapes.device = rules.device)
        and (rules.path_glob is null or shapes.path glob rules.path_glob)
        and (rules.campaign_glob is null or shapes.utm_campaign glob rules.campaign_glob)
        and case when rules.path_regex is null then true else regexp_matches(shapes.path, rules.path_regex) end
        and coalesce(not list_contains(
            list_transform(
                rules.property_tests,
                lambda test: coalesce(list_contains(test.allowed, shapes.rule_values[test.position]), false)
            ),
            false
        ), true)
group by shapes.shape_id, rules.kind, rules.subject
