-- Executions of these queues that others hold and may yet lose: a worker that has not beaten since the drain began to
-- wait may be dead, and then what it holds will be ready again. Workers that beat look after their own.
select count(*), coalesce(%(since)s::timestamptz, {schema}.clock())
from {schema}.running as r
left join {schema}.workers as w on w.id = r.worker
where r.queue = any (%(queues)s)
  and not coalesce(w.process = %(process)s::uuid, false)
  and coalesce(w.heartbeat_at < coalesce(%(since)s::timestamptz, {schema}.clock()), true)
