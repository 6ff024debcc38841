-- The profile of each feed: what it brought, what was refused, how fresh it is.
--
-- Grain: one row per source that is switched on.
-- Settings: as_of.
--
-- A feed is missing when no file of it was ever loaded, empty when its files held no row for the models, and late when
-- its last day before as_of is not the last day of the night's data. A list whose rows have no time is never late.
with files as (
    select
        source,
        count(*) filter (status = 'loaded') as n_files,
        count(*) filter (status = 'refused') as n_files_refused,
        coalesce(sum(n_read), 0)::bigint as n_read,
        coalesce(sum(n_loaded), 0)::bigint as n_loaded,
        coalesce(sum(n_duplicate), 0)::bigint as n_duplicate,
        coalesce(sum(n_rejected), 0)::bigint as n_rejected,
        coalesce(sum(n_out_of_scope), 0)::bigint as n_out_of_scope,
        coalesce(sum(n_late), 0)::bigint as n_late,
        coalesce(sum(n_erased), 0)::bigint as n_erased
    from ops.loads
    group by source
),

times as (
    select
        source,
        min(happened_at) as first_event_at,
        max(happened_at) filter (happened_at < getvariable('as_of')::timestamp) as last_event_at,
        count(*) filter (happened_at >= getvariable('as_of')::timestamp) as n_after_as_of
    from staging.feed_rows
    group by source
),

mapped as (
    select
        source,
        sum(n_events)::bigint as n_events,
        coalesce(sum(n_events) filter (touchpoint is null and not is_bot), 0)::bigint as n_unmapped
    from journeys.event_shapes
    group by source
)

select
    feeds.source,
    feeds.is_required,
    coalesce(files.n_files, 0) as n_files,
    coalesce(files.n_files_refused, 0) as n_files_refused,
    coalesce(files.n_read, 0) as n_read,
    coalesce(files.n_loaded, 0) as n_loaded,
    coalesce(files.n_duplicate, 0) as n_duplicate,
    coalesce(files.n_rejected, 0) as n_rejected,
    coalesce(files.n_out_of_scope, 0) as n_out_of_scope,
    coalesce(files.n_late, 0) as n_late,
    coalesce(files.n_erased, 0) as n_erased,
    files.n_rejected / nullif(files.n_read, 0) as refused_share,
    files.n_duplicate / nullif(files.n_read, 0) as duplicate_share,
    times.first_event_at,
    times.last_event_at,
    (
        epoch_us(getvariable('as_of')::timestamp) - epoch_us(times.last_event_at)
    ) / 3600000000.0 as hours_since_last_event,
    coalesce(times.n_after_as_of, 0) as n_after_as_of,
    coalesce(mapped.n_events, 0) as n_events,
    coalesce(mapped.n_unmapped, 0) as n_unmapped,
    mapped.n_unmapped / nullif(mapped.n_events, 0) as unmapped_share,
    case
        when coalesce(files.n_files, 0) = 0 then 'missing'
        when coalesce(files.n_loaded, 0) = 0 then 'empty'
        when times.last_event_at is null and times.first_event_at is not null then 'empty'
        when times.last_event_at < getvariable('as_of')::timestamp - interval 1 day then 'late'
        else 'ok'
    end as status
from staging.feeds as feeds
left join files on feeds.source = files.source
left join times on feeds.source = times.source
left join mapped on feeds.source = mapped.source
order by feeds.source
