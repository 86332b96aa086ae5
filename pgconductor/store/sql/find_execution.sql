select id, queue, task, state, priority, attempts, version, run_at, created_at, started_at, finished_at,
       payload, result, error, tags, dedupe_key, parent_id, worker
from {schema}.executions
where id = %(id)s::uuid
