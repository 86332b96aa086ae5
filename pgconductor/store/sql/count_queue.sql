-- How many executions of a queue are in which state, by task, and since when or until when the first of them waits.
-- Of a large partition only a share of the pages is read, the same ones at every call; 100 reads all of them.
select 'ready' as state, task, count(*), min(run_at)
from {ready} tablesample system (%(ready_share)s::real) repeatable (0) group by task
union all
select 'scheduled', task, count(*), min(run_at)
from {scheduled} tablesample system (%(scheduled_share)s::real) repeatable (0) group by task
union all
select 'running', task, count(*), min(started_at) from {running} group by task
-- A sample can miss the oldest; the first that were enqueued are most likely to have it.
union all
select 'oldest', null, 0, min(run_at) from (select run_at from {ready} order by id limit 1000) as first
