-- Every queue, and how many pages its partitions have: that says what a count of them costs.
select q.name, q.paused,
       coalesce(pg_relation_size(to_regclass(format('{schema}.%%I', 'ready_' || q.name))), 0) / block as ready_pages,
       coalesce(pg_relation_size(to_regclass(format('{schema}.%%I', 'scheduled_' || q.name))), 0) / block as scheduled_pages
from {schema}.queues as q, (select current_setting('block_size')::int as block) as server
order by q.name
