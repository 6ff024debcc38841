-- How far each customer gets through the steps in order, all within a time:
-- FROM funnel_customers(['product_viewed', 'cart_added', 'order_paid'], INTERVAL 7 DAY).
--
-- Steps are event names, or with steps_are := 'touchpoint' or 'stage' those. Grain: one row per customer who made the
-- first step. Other events may come between; every first step may start an attempt; the one that gets furthest counts.
-- The time is counted from the attempt's first step and includes its end; events at the same instant are taken in the
-- order of the steps. has_time_left says whether the customer is not through yet and still can be. Bots and staff are
-- left out. `journey funnel` knows every other rule.
create or replace macro funnel_customers(steps, within_time, steps_are := 'event_name') as table
    with recursive

    named as (
        select
            unnest(steps) as step,
            generate_subscripts(steps, 1) as step_number
    ),

    settled as (
        select
            (
                select cast(value as timestamp) from rules.settings
                where name = 'as_of'
            ) as as_of,
            case
                when len(steps) <> len(list_distinct(steps))
                    then error('a step is named twice; allowed is every step once. journey funnel can repeat steps')
                when steps_are not in ('event_name', 'touchpoint', 'stage')
                    then error('steps_are is neither event_name nor touchpoint nor stage')
            end as mistake
    ),

    happened as (
        select
            events.customer_id,
            events.event_at,
            named.step_number
        from journeys.events as events
        cross join settled
        inner join named
            on
                case steps_are
                    when 'touchpoint' then events.touchpoint when 'stage' then events.stage else events.event_name
                end
                = named.step
        where
            events.customer_id is not null and not events.is_bot and not events.is_internal
            and settled.mistake is null
    ),

    -- Round by round, the events of one more step learn in which attempt they lie: that of the latest event of the step
    -- before, since it began latest and so has the most time left. Rows of steps already settled leave the rounds.
    attempts as (
        select
            customer_id,
            event_at,
            step_number,
            1 as settled_step,
            case when step_number = 1 then event_at end as started_at
        from happened
        union all
        select
            customer_id,
            event_at,
            step_number,
            settled_step + 1 as settled_step,
            case
                when step_number > settled_step + 1 then null
                when event_at - within_time <= last_value(
                    case when step_number = settled_step then started_at end ignore nulls
                ) over so_far then last_value(
                    case when step_number = settled_step then started_at end ignore nulls
                ) over so_far
            end as started_at
        from attempts
        where settled_step < len(steps) and step_number >= settled_step
        window so_far as (
            partition by customer_id order by event_at, step_number rows between unbounded preceding and 1 preceding
        )
    ),

    reached as (
        select
            customer_id,
            step_number,
            started_at
        from attempts
        where step_number = settled_step and started_at is not null
    )

    select
        reached.customer_id,
        max(reached.step_number) as furthest_step,
        max(reached.step_number) < len(steps)
        and bool_or(reached.started_at + within_time >= settled.as_of) as has_time_left
    from reached
    cross join settled
    group by reached.customer_id
