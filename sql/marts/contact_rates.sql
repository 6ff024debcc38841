-- Who turns to support soon after entering a stage or coming to a touchpoint.
--
-- Grain: one row per (segment, scope, id): a stage or touchpoint with judged entries whose contact_hours have passed.
-- Settings: as_of, contact_hours.
--
-- A contact counts when it starts after the entry and at most contact_hours later. Entries whose contact_hours have
-- not passed at as_of are left out: they could still turn to support.
with

entries as (
    select
        'stage' as scope,
        stage as id,
        journey_id,
        customer_id,
        entered_at
    from journeys.stage_entries
    where is_judged
    union all
    select
        'touchpoint' as scope,
        touchpoint as id,
        journey_id,
        customer_id,
        entered_at
    from journeys.touchpoint_entries
    where is_judged
),

watched as (
    select
        entries.*,
        sets.segment_bits
    from entries
    inner join journeys.journey_sets as sets on entries.journey_id = sets.journey_id
    where entries.entered_at + interval '1 hour' * getvariable('contact_hours') <= getvariable('as_of')
),

contacted as (
    select distinct
        watched.scope,
        watched.id,
        watched.journey_id,
        watched.segment_bits
    from watched
    inner join journeys.contacts as contacts
        on
            watched.customer_id = contacts.customer_id
            and watched.entered_at < contacts.contacted_at
            and watched.entered_at + interval '1 hour' * getvariable('contact_hours') >= contacts.contacted_at
),

counted as (
    select
        scope,
        id,
        segment_bits,
        count(*) as n_watched,
        0 as n_contacted
    from watched
    group by scope, id, segment_bits
    union all
    select
        scope,
        id,
        segment_bits,
        0 as n_watched,
        count(*) as n_contacted
    from contacted
    group by scope, id, segment_bits
)

select
    segments.segment,
    counted.scope,
    counted.id,
    cast(sum(counted.n_watched) as bigint) as n_watched,
    cast(sum(counted.n_contacted) as bigint) as n_contacted
from counted
inner join journeys.segments as segments on (counted.segment_bits >> segments.bit) & 1 = 1
group by segments.segment, counted.scope, counted.id
