-- How many come back on a day, and on that day or later: FROM retention('order_paid', 'order_paid', days := 90), FROM
-- retention('page', 'page', cohort := 'week').
--
-- Grain: one row per cohort and day after the start, by the rules of returns. n_matured are the starts whose day n is
-- over: only of them can it be said that nobody came back, and both shares are of them. On or after counts a return on
-- day n or on any later day so far. A cohort is the week or month of the start, or everybody.
create or replace macro retention(start_event, return_event, days := 30, first_time := true, cohort := 'all') as table
    with

    settled as (
        select
            cast(value as timestamp) as as_of,
            case
                when cohort not in ('all', 'week', 'month') then error('cohort is neither all nor week nor month')
            end as mistake
        from rules.settings
        where name = 'as_of'
    ),

    numbers as (
        select unnest(generate_series(0, days)) as day_number
    ),

    days_after as (
        select
            numbers.day_number,
            case
                when cohort <> 'all'
                    then cast(
                        date_trunc(case cohort when 'month' then 'month' else 'week' end, starts.started_at) as date
                    )
            end as cohort_on,
            starts.started_at + to_days(cast(numbers.day_number + 1 as integer)) <= settled.as_of as is_over,
            coalesce(list_contains(starts.days_back, numbers.day_number), false) as is_back_on,
            coalesce(list_max(starts.days_back) >= numbers.day_number, false) as is_back_on_or_after
        from returns(start_event, return_event, first_time := first_time) as starts
        cross join numbers
        cross join settled
        where settled.mistake is null
    ),

    counted as (
        select
            cohort_on,
            day_number,
            count(*) as n_started,
            count(*) filter (where is_over) as n_matured,
            count(*) filter (where is_over and is_back_on) as n_on,
            count(*) filter (where is_over and is_back_on_or_after) as n_on_or_after
        from days_after
        group by cohort_on, day_number
    )

    select
        cohort_on,
        day_number,
        n_started,
        n_matured,
        n_on,
        n_on / nullif(n_matured, 0) as on_share,
        wilson_low(n_on, n_matured) as on_low,
        wilson_high(n_on, n_matured) as on_high,
        n_on_or_after,
        n_on_or_after / nullif(n_matured, 0) as on_or_after_share,
        wilson_low(n_on_or_after, n_matured) as on_or_after_low,
        wilson_high(n_on_or_after, n_matured) as on_or_after_high
    from counted
    order by cohort_on, day_number
