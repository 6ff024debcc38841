-- A promise is made to a customer: until when it is due, and whether it was kept.
--
-- Grain: one row per (promise, source, event_id) of an event that makes it.
-- Settings: as_of, judged_days.
--
-- The promise is kept by the first fulfilling event of the same ticket, else of the same order, else of the same
-- customer, at or before it is due. A due date without a time of day lasts until the end of that day; an event that
-- carries no due date made no promise. Until it is due a case is open, also when it has been fulfilled already.
with

rule_events as (
    select
        met.kind,
        met.subject as promise,
        events.source,
        events.event_id,
        events.customer_id,
        events.event_at,
        events.order_id,
        events.ticket_id,
        events.properties
    from journeys.events as events
    inner join journeys.shape_rules as met on events.shape_id = met.shape_id
    where
        met.kind in ('promise_from', 'promise_to')
        and events.customer_id is not null and not events.is_bot and not events.is_internal
),

made as (
    select
        events.*,
        coalesce(
            'ticket:' || events.ticket_id, 'order:' || events.order_id, 'customer:' || events.customer_id
        ) as link,
        json_extract_string(events.properties, '$."' || promises.due_property || '"') as due_text,
        json_extract_string(events.properties, '$."' || promises.by_property || '"') as by_value,
        promises.due_property is null as is_due_within,
        promises.within_seconds
    from rule_events as events
    inner join rules.promises as promises on events.promise = promises.promise
    where events.kind = 'promise_from'
),

fulfilments as (
    select
        promise,
        event_at,
        unnest(['ticket:' || ticket_id, 'order:' || order_id, 'customer:' || customer_id]) as link
    from rule_events
    where kind = 'promise_to'
),

fulfilled as (
    select
        made.promise,
        made.source,
        made.event_id,
        min(fulfilments.event_at) as fulfilled_at
    from made
    inner join fulfilments
        on
            made.promise = fulfilments.promise
            and made.link = fulfilments.link
            and made.event_at <= fulfilments.event_at
    group by made.promise, made.source, made.event_id
),

cases as (
    select
        made.*,
        fulfilled.fulfilled_at,
        case
            when made.is_due_within then made.event_at + interval '1 second' * made.within_seconds
            when length(made.due_text) = 10 then try_cast(made.due_text as timestamp) + interval '1 day'
            else cast(try_cast(made.due_text as timestamptz) as timestamp)
        end as due_at
    from made
    left join fulfilled
        on made.promise = fulfilled.promise and made.source = fulfilled.source and made.event_id = fulfilled.event_id
)

select
    promise,
    source,
    event_id,
    customer_id,
    link,
    event_at as made_at,
    due_at,
    fulfilled_at,
    by_value,
    due_at <= getvariable('as_of') as is_due,
    coalesce(fulfilled_at <= due_at, false) as is_kept,
    coalesce(due_at > getvariable('as_of') - interval '1 day' * getvariable('judged_days'), true) as is_judged
from cases
where due_at is not null
