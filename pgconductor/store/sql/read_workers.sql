-- Every worker that is known, what it holds, and whether it is alive.
select w.id, w.queue, w.host, w.pid, w.process, w.plan, w.concurrency, coalesce(held.count, 0) as running,
       case when w.expires_at <= now_at then 'lost' when w.draining then 'draining'
            when held.count > 0 then 'working' else 'idle' end as state,
       w.started_at, w.heartbeat_at, w.expires_at
from {schema}.workers as w
cross join (select {schema}.clock() as now_at) as c
left join (select worker, count(*) from {schema}.running group by worker) as held on held.worker = w.id
order by w.queue, w.host, w.pid, w.id
