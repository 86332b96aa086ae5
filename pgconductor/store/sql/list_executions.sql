-- Newest first: ids begin with the time of the enqueue. A filter that is null lets all pass.
select id, queue, task, state, priority, attempts, version, run_at, created_at, started_at, finished_at,
       payload, result, error, tags, dedupe_key, parent_id, worker
from {schema}.executions
where id < coalesce(%(before)s::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff') and (%(task)s::text is null or task = %(task)s)
  and (%(queue)s::text is null or queue = %(queue)s) and (%(state)s::text is null or state = %(state)s)
  and (%(tag)s::text is null or %(tag)s = any (tags))
order by id desc
limit %(limit)s::int
