-- Stop or go on claiming from queues. Every claim looks at `paused` itself; idle workers are told at once.
with before as materialized (
    select name, paused from {schema}.queues where name = any (%(names)s::text[]) order by name for update
), changed as (
    update {schema}.queues as q set paused = %(paused)s::boolean from before where q.name = before.name
    returning {schema}.wake(q.name)
)
select name, paused as was_paused from before where (select count(*) from changed) >= 0 order by name
