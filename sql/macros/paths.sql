-- The most frequent ways through the touchpoints: FROM paths(starting_at := 'product_page'), FROM paths(ending_at :=
-- 'order_confirmation', steps := 4), or FROM paths() for whole journeys.
--
-- Grain: one row per way, the most frequent first; 'other' holds the rest, so that n_journeys sums to all journeys that
-- come to the anchor. Repeats of a touchpoint in a row are one step. A way from an anchor goes on from the first time a
-- journey comes there, and ends in 'exit' where the journey ended, in 'open' where it could still go on, and in '...'
-- where it is longer than the steps asked for; a way to an anchor begins with 'start' or '...' likewise. coverage is
-- the share of all journeys in this way and those above it. Open journeys are left out of converted_share.
create or replace macro paths(
    starting_at := null, ending_at := null, steps := 5, top := 20, in_segment := 'all'
) as table
    with

    of_segment as (
        select journey_id
        from journeys.journey_segments
        where segment = in_segment
    ),

    anchored as (
        select
            journeys.path,
            journeys.is_open,
            journeys.is_converted,
            case
                when starting_at is not null then list_position(journeys.path, starting_at)
                when ending_at is not null then list_position(journeys.path, ending_at)
                else 1
            end as place
        from journeys.journeys as journeys
        semi join of_segment on journeys.journey_id = of_segment.journey_id
    ),

    ways as (
        select
            is_open,
            is_converted,
            case
                when starting_at is null and ending_at is not null
                    then
                        case when place > steps then '... > ' else 'start > ' end
                        || array_to_string(list_slice(path, greatest(1, place - steps + 1), place), ' > ')
                else
                    array_to_string(list_slice(path, place, place + steps - 1), ' > ')
                    || case when len(path) >= place + steps then ' > ...' when is_open then ' > open' else ' > exit' end
            end as path
        from anchored
        where
            place > 0
            and (
                starting_at is null or ending_at is null
                or list_contains(list_slice(path, place + 1, len(path)), ending_at)
            )
    ),

    counted as (
        select
            path,
            count(*) as n_journeys,
            count(*) filter (where not is_open) as n_closed,
            count(*) filter (where is_converted) as n_converted
        from ways
        group by path
    ),

    ranked as (
        select
            *,
            row_number() over (order by n_journeys desc, path asc) as place
        from counted
    ),

    shown as (
        select
            least(place, top + 1) as rank,
            case when place <= top then path else 'other' end as path,
            cast(sum(n_journeys) as bigint) as n_journeys,
            cast(sum(n_closed) as bigint) as n_closed,
            cast(sum(n_converted) as bigint) as n_converted
        from ranked
        group by least(place, top + 1), case when place <= top then path else 'other' end
    )

    select
        rank,
        path,
        n_journeys,
        n_journeys / sum(n_journeys) over () as share_of_all,
        sum(n_journeys) over (order by rank) / sum(n_journeys) over () as coverage,
        n_closed,
        n_converted,
        n_converted / nullif(n_closed, 0) as converted_share,
        wilson_low(n_converted, n_closed) as low,
        wilson_high(n_converted, n_closed) as high
    from shown
    order by rank
