-- Executions that wait on another queue than their task's: the task changed its queue after they were enqueued.
select stray.task, stray.queue as found, task.queue as wanted, count(*)
from (
    select task, queue from {schema}.ready
    union all
    select task, queue from {schema}.scheduled
    union all
    select task, queue from {schema}.waiting
) as stray
join unnest(%(keys)s::text[], %(queues)s::text[]) as task (key, queue)
    on task.key = stray.task and task.queue <> stray.queue
group by 1, 2, 3
order by 1, 2
