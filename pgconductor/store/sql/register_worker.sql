insert into {schema}.workers
    (process, queue, host, pid, plan, concurrency, lease, started_at, heartbeat_at, expires_at)
select %(process)s::uuid, %(queue)s, %(host)s, %(pid)s, %(plan)s, %(concurrency)s,
       %(lease_ms)s * interval '1 millisecond', now_at, now_at, now_at + %(lease_ms)s * interval '1 millisecond'
from (select {schema}.clock() as now_at) as c
returning id
