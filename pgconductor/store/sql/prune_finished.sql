-- One small batch of finished executions whose retention has passed, and what they left. Returns how many.
-- The shortest retention of all bounds the scan to partitions, and by the BRIN index to pages, that can hold any.
-- A child stays as long as its parent may ask how it ended: one that failed or was cancelled may be retried.
with old as materialized (
    select f.id, f.finished_at
    from {schema}.finished as f
    join {schema}.tasks as t on t.key = f.task
    where f.finished_at < (select {schema}.clock()) - (
              select least(min(keep_completed), min(keep_failed), min(keep_cancelled)) from {schema}.tasks)
      and f.finished_at < (select {schema}.clock()) - case f.state
              when 'completed' then t.keep_completed when 'failed' then t.keep_failed else t.keep_cancelled end
      and not (f.parent_step is not null and (
          exists (select from {schema}.waiting as p where p.id = f.parent_id)
          or exists (select from {schema}.ready as p where p.id = f.parent_id)
          or exists (select from {schema}.running as p where p.id = f.parent_id)
          or exists (select from {schema}.scheduled as p where p.id = f.parent_id)
          or exists (select from {schema}.finished as p where p.id = f.parent_id and p.state <> 'completed')))
    limit %(limit)s::int
), gone as (
    delete from {schema}.finished as f
    where f.id = any (array(select id from old))
      and f.finished_at <= (select max(finished_at) from old)
    returning f.id
), forgotten as (
    delete from {schema}.steps where execution_id = any (array(select id from gone))
), unremembered as (
    delete from {schema}.history where execution_id = any (array(select id from gone))
), unmeasured as (
    delete from {schema}.progress where execution_id = any (array(select id from gone))
)
select count(*) from gone
