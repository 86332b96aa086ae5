-- A batch of the executions that ended after a place in the order of ends. A filter that is null lets all pass.
select id, queue, task, state, priority, attempts, version, run_at, created_at, started_at, finished_at,
       payload, result, error, tags, dedupe_key, parent_id, worker
from {schema}.finished
where finished_at >= %(since)s::timestamptz and (finished_at, id) > (%(since)s::timestamptz, %(after)s::uuid)
  and (%(task)s::text is null or task = %(task)s) and (%(queue)s::text is null or queue = %(queue)s)
  and (%(state)s::text is null or state = %(state)s)
order by finished_at, id
limit %(limit)s::int
