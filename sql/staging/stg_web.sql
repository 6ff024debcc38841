-- The shop's web calls as events: pages seen, things done, and customers saying who they are.
--
-- Grain: one row per message_id.
-- Settings: none.
--
-- A page call is the event 'page', told apart by its path; a track call is named for what was done. The device is read
-- from the user agent: a crawler calls itself one, a tablet is an iPad or an Android that does not say it is mobile.
with calls as (
    select
        *,
        lower(coalesce(user_agent, '')) as agent,
        replace(lower(trim(event)), ' ', '_') as done
    from landing.web
)

select
    'web' as source,
    message_id as event_id,
    case
        when type = 'page' then 'page'
        when type = 'identify' then 'identified'
        when done = 'product_added' then 'cart_added'
        else done
    end as event_name,
    sent_at as event_at,
    received_at,
    anonymous_id,
    user_id,
    email_key,
    cast(null as varchar) as session_hint,
    path,
    referrer,
    campaign_source as utm_source,
    campaign_medium as utm_medium,
    campaign_name as utm_campaign,
    case
        when user_agent is null then null
        when agent like '%bot%' or agent like '%crawl%' or agent like '%spider%' then 'bot'
        when agent like '%ipad%' then 'tablet'
        when agent like '%android%' and agent not like '%mobile%' then 'tablet'
        when agent like '%mobile%' then 'mobile'
        else 'desktop'
    end as device,
    country,
    order_id,
    cast(null as varchar) as ticket_id,
    cast(null as bigint) as revenue_minor,
    cast(null as varchar) as currency,
    cast(null as double) as score,
    cast(null as varchar) as score_kind,
    cast(null as varchar) as invitation_id,
    cast(null as varchar) as comment,
    case
        when query is not null then json_object('query', query, 'n_results', n_results)
        when product_id is not null then json_object('product_id', product_id, 'category', category)
        when category is not null then json_object('category', category)
    end as properties,
    file_id,
    row_number
from calls
