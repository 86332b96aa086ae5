-- One small batch of finished executions whose retention has passed. Returns how many.
-- The shortest retention of all bounds the scan to partitions, and by the BRIN index to pages, that can hold any.
with old as materialized (
    select f.id, f.finished_at
    from {schema}.finished as f
    join {schema}.tasks as t on t.key = f.task
    where f.finished_at < (select {schema}.clock()) - (
              select least(min(keep_completed), min(keep_failed), min(keep_cancelled)) from {schema}.tasks)
      and f.finished_at < (select {schema}.clock()) - case f.state
              when 'completed' then t.keep_completed when 'failed' then t.keep_failed else t.keep_cancelled end
    limit %(limit)s::int
), gone as (
    delete from {schema}.finished as f
    where f.id = any (array(select id from old))
      and f.finished_at <= (select max(finished_at) from old)
    returning 1
)
select count(*) from gone
