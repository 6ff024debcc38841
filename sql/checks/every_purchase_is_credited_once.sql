-- Question: Is every purchase of the judged period credited exactly once, whichever way credit is given?
-- Level: fail
--
-- A purchase that no touchpoint of the map recognises, and that stands alone, can be credited to none.
with

purchases as (
    select count(*) as n_purchases
    from journeys.journeys
    where
        is_converted and is_judged
        and journey_id in (
            select credits.journey_id
            from journeys.credits as credits
            group by credits.journey_id
            having bool_and(credits.touchpoint <> 'conversion')
        )
),

credit as (
    select
        sum(credit_first) as n_first,
        sum(credit_last) as n_last,
        sum(credit_linear) as n_linear
    from marts.touchpoint_credit
    where segment = 'all' and touchpoint <> 'conversion'
)

select
    purchases.n_purchases,
    credit.n_first,
    credit.n_last,
    credit.n_linear
from purchases
cross join credit
where
    purchases.n_purchases <> coalesce(credit.n_first, 0)
    or purchases.n_purchases <> coalesce(credit.n_last, 0)
    or abs(purchases.n_purchases - coalesce(credit.n_linear, 0)) > 0.001
