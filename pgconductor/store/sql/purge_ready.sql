-- Cancel a batch of what was ready in a queue when the purge began, by id. Each is locked before it is cancelled: one
-- that a worker claims meanwhile is not touched, and nobody is waited for.
with found as materialized (
    select id from {ready}
    where id > %(after)s::uuid and created_at <= %(until)s::timestamptz
    order by id
    limit %(limit)s::int
    for update skip locked
)
select id, {schema}.cancel(id, %(reason)s::text) as cancelled from found order by id
