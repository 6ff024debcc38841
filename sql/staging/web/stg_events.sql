-- Events that are events already: who, when, what, and whatever else the table holds.
--
-- Grain: one row per landed row.
-- Settings: none.
--
-- The table speaks the words of every feed; nothing is translated. A row without an id of its own is told apart by who,
-- when and what, which is also its key: the second of two equal rows is a duplicate.
select
    'events' as source,
    coalesce(event_id, concat_ws(':', customer_id, epoch_us(event_at), event_name)) as event_id,
    event_name,
    event_at,
    cast(null as timestamp) as received_at,
    anonymous_id,
    customer_id as user_id,
    email_key,
    session_hint,
    path,
    referrer,
    utm_source,
    utm_medium,
    utm_campaign,
    device,
    country,
    order_id,
    ticket_id,
    revenue as revenue_minor,
    case when revenue is not null then upper(currency) end as currency,
    score,
    score_kind,
    invitation_id,
    cast(null as varchar) as comment,
    json_merge_patch(
        coalesce(more, '{}'),
        json_object(
            'survey', survey, 'channel', channel, 'topic', topic, 'region', region, 'promised_at', promised_at,
            'product_id', product_id, 'category', category, 'query', query
        )
    ) as properties,
    file_id,
    row_number
from landing.events
