-- The executions that ended last, among those in a partition of `finished` from a page on.
select id, queue, task, state, priority, attempts, version, run_at, created_at, started_at, finished_at,
       payload, result, error, tags, dedupe_key, parent_id, worker
from {history}
where ctid >= %(from_page)s::text::tid
  and (%(task)s::text is null or task = %(task)s) and (%(queue)s::text is null or queue = %(queue)s)
  and (%(state)s::text is null or state = %(state)s)
order by finished_at desc, id desc
limit %(limit)s::int
