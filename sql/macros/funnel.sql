-- How many customers go through the steps in order, all within a time:
-- FROM funnel(['product_viewed', 'cart_added', 'order_paid'], INTERVAL 7 DAY).
--
-- Steps are event names, or with steps_are := 'touchpoint' or 'stage' those. Grain: one row per step, by the rules of
-- funnel_customers. n_open are customers who made this step but not the next one, and whose time has not run out.
create or replace macro funnel(steps, within_time, steps_are := 'event_name') as table
    with

    named as (
        select
            unnest(steps) as step,
            generate_subscripts(steps, 1) as step_number
    ),

    customers as (
        select
            furthest_step,
            has_time_left
        from funnel_customers(steps, within_time, steps_are := steps_are)
    ),

    counted as (
        select
            named.step_number,
            named.step,
            count(*) filter (where customers.furthest_step >= named.step_number) as n,
            count(*) filter (where customers.furthest_step = named.step_number and customers.has_time_left) as n_open
        from named
        left join customers on true
        group by named.step_number, named.step
    )

    select
        step_number,
        step,
        n,
        n_open,
        n / nullif(first_value(n) over in_order, 0) as share_of_first,
        case when step_number > 1 then wilson_low(n, first_value(n) over in_order) end as low,
        case when step_number > 1 then wilson_high(n, first_value(n) over in_order) end as high,
        case when step_number > 1 then n / nullif(lag(n) over in_order, 0) end as share_of_previous
    from counted
    window in_order as (order by step_number)
    order by step_number
