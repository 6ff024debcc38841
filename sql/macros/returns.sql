-- When each customer comes back after a start: FROM returns('order_paid', 'order_paid').
--
-- Grain: one row per start: a customer's first start event, or every one where first_time := false. days_back are the
-- days on which they came back, once each: day n is the n-th 24 hours after the start, from 0. Bots and staff are left
-- out.
create or replace macro returns(start_event, return_event, first_time := true) as table
    with

    happened as (
        select
            customer_id,
            event_at,
            event_number,
            event_name = start_event as is_start,
            event_name = return_event as is_return
        from journeys.events
        where
            event_name in (start_event, return_event) and customer_id is not null and not is_bot and not is_internal
    ),

    starts as (
        select
            customer_id,
            event_number,
            event_at as started_at
        from happened
        where is_start
        qualify not first_time or row_number() over (partition by customer_id order by event_at, event_number) = 1
    ),

    returned as (
        select
            starts.customer_id,
            starts.event_number,
            cast(floor((epoch_us(happened.event_at) - epoch_us(starts.started_at)) / 86400000000) as bigint)
                as day_number
        from starts
        inner join happened on starts.customer_id = happened.customer_id
        where happened.is_return and happened.event_at > starts.started_at
        group by all
    )

    select
        starts.customer_id,
        starts.started_at,
        list(returned.day_number order by returned.day_number) filter (
            where returned.day_number is not null
        ) as days_back
    from starts
    left join returned on starts.customer_id = returned.customer_id and starts.event_number = returned.event_number
    group by starts.customer_id, starts.event_number, starts.started_at
