-- What a person did with a product: viewed it, kept it as a favourite, put it into the cart, bought it.
--
-- Grain: one row per row of the feed.
-- Settings: none.
--
-- The feed has no id of its own, and one person may do two things in one second, so a row is named by its place in its
-- file. People are logged in: their number is an account, and also what holds a visit together.
select
    'taobao' as source,
    file_id || ':' || cast(row_number as varchar) as event_id,
    case behaviour
        when 'pv' then 'product_viewed'
        when 'fav' then 'favourite_added'
        when 'cart' then 'cart_added'
        when 'buy' then 'order_paid'
    end as event_name,
    acted_at as event_at,
    cast(null as timestamp) as received_at,
    cast(null as varchar) as anonymous_id,
    person_id as user_id,
    cast(null as varchar) as email_key,
    person_id as session_hint,
    cast(null as varchar) as path,
    cast(null as varchar) as referrer,
    cast(null as varchar) as utm_source,
    cast(null as varchar) as utm_medium,
    cast(null as varchar) as utm_campaign,
    cast(null as varchar) as device,
    cast(null as varchar) as country,
    cast(null as varchar) as order_id,
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    json_object('item_id', item_id, 'category_id', category_id) as properties,
    file_id,
    row_number
from landing.taobao
