-- The same from a share of all pages, where new rows take the place of pruned ones.
select queue, task, state, count(*) filter (where finished_at > (select {schema}.clock()) - interval '1 minute'),
       min(finished_at) as first
from {history} tablesample system (%(share)s::real)
group by queue, task, state
