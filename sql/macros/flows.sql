-- Where journeys go step by step, for a flow diagram: FROM flows('product_page'), FROM flows('order_confirmation',
-- backwards := true).
--
-- Grain: one row per (step_number, from_touchpoint, to_touchpoint). Step 1 leads from the anchor to what comes next,
-- or, going backwards, to what came before. 'other' is all but the largest targets of a step; 'exit' is a journey's
-- end, 'open' an end that may not be one, 'start' a journey's beginning. Every journey that comes to the anchor stands
-- in every step: one that has ended stays at 'exit', so that each step sums to the same number of journeys.
create or replace macro flows(anchor, steps := 4, top := 8, backwards := false) as table
    with

    anchored as (
        select
            journey_id,
            is_open,
            case when backwards then list_reverse(path) else path end as path
        from journeys.journeys
        where list_contains(path, anchor)
    ),

    onward as (
        select
            journey_id,
            list_slice(path, list_position(path, anchor), len(path)) as path,
            case when backwards then 'start' when is_open then 'open' else 'exit' end as ends_in
        from anchored
    ),

    numbers as (
        select unnest(generate_series(1, steps)) as step_number
    ),

    moves as (
        select
            onward.journey_id,
            numbers.step_number,
            coalesce(onward.path[numbers.step_number], onward.ends_in) as from_touchpoint,
            coalesce(onward.path[numbers.step_number + 1], onward.ends_in) as to_touchpoint
        from onward
        cross join numbers
    ),

    counted as (
        select
            step_number,
            to_touchpoint,
            to_touchpoint in ('start', 'exit', 'open') as is_end,
            count(*) as n_journeys
        from moves
        group by step_number, to_touchpoint
    ),

    ranked as (
        select
            *,
            row_number() over (partition by step_number, is_end order by n_journeys desc, to_touchpoint asc) as place
        from counted
    ),

    sizes as (
        select
            step_number,
            to_touchpoint,
            is_end or place <= top as is_shown
        from ranked
    ),

    named as (
        select
            moves.step_number,
            case when coalesce(before.is_shown, true) then moves.from_touchpoint else 'other' end as from_touchpoint,
            case when after.is_shown then moves.to_touchpoint else 'other' end as to_touchpoint
        from moves
        inner join sizes as after on moves.step_number = after.step_number and moves.to_touchpoint = after.to_touchpoint
        left join sizes as before
            on moves.step_number = before.step_number + 1 and moves.from_touchpoint = before.to_touchpoint
    )

    select
        step_number,
        from_touchpoint,
        to_touchpoint,
        count(*) as n_journeys,
        count(*) / cast(sum(count(*)) over (partition by step_number) as double) as share_of_all
    from named
    group by step_number, from_touchpoint, to_touchpoint
    order by step_number asc, n_journeys desc, from_touchpoint asc, to_touchpoint asc
