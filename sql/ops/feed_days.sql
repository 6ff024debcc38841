-- How many rows each feed brought for each day, against its own usual day.
--
-- Grain: one row per source and day between the feed's first and last day; days without rows are there, with 0.
-- Settings: as_of.
--
-- The usual day is the median of the same weekday, up to eight weeks before and after, the day itself left out.
-- A feed's last days may still fill up, so they are compared too but judged only inside the judged period.
with days as (
    select
        source,
        cast(happened_at as date) as on_date,
        count(*) as n_rows
    from staging.feed_rows
    where happened_at < getvariable('as_of')::timestamp
    group by source, cast(happened_at as date)
),

spans as (
    select
        source,
        min(on_date) as first_on,
        cast(getvariable('as_of')::timestamp as date) as end_on
    from days
    group by source
),

every_day as (
    select
        source,
        cast(unnest(range(first_on, end_on, interval 1 day)) as date) as on_date
    from spans
),

filled as (
    select
        every_day.source,
        every_day.on_date,
        coalesce(days.n_rows, 0) as n_rows
    from every_day
    left join days on every_day.source = days.source and every_day.on_date = days.on_date
),

compared as (
    select
        *,
        median(n_rows) over (
            partition by source, dayofweek(on_date)
            order by on_date
            rows between 8 preceding and 8 following exclude current row
        ) as usual_rows
    from filled
)

select
    source,
    on_date,
    n_rows,
    usual_rows,
    n_rows / nullif(usual_rows, 0) as rows_vs_same_weekday
from compared
order by source, on_date
