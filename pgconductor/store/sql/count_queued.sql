-- The executions of some tasks that have not ended, by the payload version that they were enqueued with.
select task, version, state, count(*)
from (
    select task, version, 'ready' as state from {schema}.ready where task = any (%(tasks)s)
    union all
    select task, version, 'scheduled' from {schema}.scheduled where task = any (%(tasks)s)
    union all
    select task, version, 'waiting' from {schema}.waiting where task = any (%(tasks)s)
    union all
    select task, version, 'running' from {schema}.running where task = any (%(tasks)s)
) as queued
group by task, version, state
order by task, version, state
