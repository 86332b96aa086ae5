-- How many executions are parked, by queue and task; of a large table a share of the pages, as in count_queue.
select queue, task, count(*), min(since)
from {schema}.waiting tablesample system (%(share)s::real) repeatable (0)
group by queue, task
