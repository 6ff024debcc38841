-- Every event a feed reported, with its customer, its session and its place on the journey map.
--
-- Grain: one row per (source, event_id) before as_of, sorted by customer_id, event_at, event_id, source.
-- Settings: as_of, rule_properties.
--
-- Events that no rule recognises are kept, without a touchpoint: they are the map's blind spots. A device that clicked
-- too fast makes all its events a bot's; a customer with a staff login is internal throughout, also before logging in.
-- What customers wrote stays private: there is no comment column.
with

internal_customers as (
    select distinct identities.customer_id
    from journeys.identities as identities
    inner join rules.internal_users as users on identities.id_kind = 'user' and identities.id = users.user_id
)

select
    owners.customer_id,
    staged.event_at,
    staged.event_id,
    staged.source,
    staged.event_name,
    shapes.touchpoint,
    shapes.stage,
    shapes.channel,
    owners.session_id,
    owners.event_number,
    owners.own_id,
    shapes.is_bot or bots.anonymous_id is not null as is_bot,
    shapes.is_internal or internal.customer_id is not null as is_internal,
    shapes.is_conversion,
    shapes.is_complaint,
    shapes.shape_id,
    staged.received_at,
    staged.loaded_at,
    staged.anonymous_id,
    staged.user_id,
    staged.email_key,
    staged.session_hint,
    staged.path,
    staged.referrer,
    staged.utm_source,
    staged.utm_medium,
    staged.utm_campaign,
    staged.device,
    staged.country,
    staged.order_id,
    staged.ticket_id,
    staged.revenue_minor,
    staged.currency,
    staged.score,
    staged.score_kind,
    staged.invitation_id,
    staged.properties,
    staged.file_id,
    staged.row_number
from staging.events as staged
inner join journeys.event_owners as owners
    on staged.event_id = owners.event_id and staged.source = owners.source
inner join journeys.event_shapes as shapes
    on
        staged.source = shapes.source
        and staged.event_name = shapes.event_name
        and staged.path is not distinct from shapes.path
        and staged.device is not distinct from shapes.device
        and staged.utm_campaign is not distinct from shapes.utm_campaign
        and json_extract_string(staged.properties, getvariable('rule_properties'))
        is not distinct from shapes.rule_values
left join journeys.bot_devices as bots on staged.anonymous_id = bots.anonymous_id
left join internal_customers as internal on owners.customer_id = internal.customer_id
order by owners.customer_id, staged.event_at, staged.event_id, staged.source
