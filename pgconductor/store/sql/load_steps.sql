-- What the durable calls of some executions left, each execution's in the order of the calls.
select s.execution_id, s.name, s.kind, s.state, s.position, s.target, s.result::text, s.wake_at,
       s.wake_at <= (select {schema}.clock()) as over
from {schema}.steps as s
where s.execution_id = any (%(ids)s::uuid[])
order by s.execution_id, s.position, s.started_at
