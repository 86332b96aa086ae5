-- Settle completed executions that are not kept. Returns the ids that this worker no longer holds.
-- `traced` ones left steps, history or progress, which go with them.
-- One that was asked to stop while it ran ends cancelled, and that is kept.
with outcome as materialized (
    select * from unnest(%(ids)s::uuid[], %(leases)s::bigint[]) as o (id, lease)
), gone as (
    -- One walk along the index for all, and the leases from a hash: a join would descend from the root for each. `is true`
    -- keeps `in` from becoming that join. The row comes along only where it is needed. Together 6.7 us -> 4.3 us a job.
    delete from {running} as r
    where r.id = any (%(ids)s::uuid[]) and r.worker = %(worker)s::bigint
      and ((r.id, r.lease) in (select id, lease from outcome)) is true
    returning r.id, r.cancel_reason is not null as stopped, case when r.cancel_reason is not null then r end as row
), stopped as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, (row).run_at, (row).created_at, (row).started_at, (select {schema}.clock()), (row).attempts,
           (row).priority, (row).version, 'cancelled', (row).queue, (row).task, (row).payload,
           json_build_object('type', 'Cancelled', 'message', (row).cancel_reason), (row).tags, (row).dedupe_key,
           (row).parent_id, (row).parent_step, (row).worker
    from gone where stopped
), traced as materialized (
    select id from gone where cardinality(%(traced)s::uuid[]) > 0 and id = any (%(traced)s::uuid[]) and not stopped
), forgotten as (
    delete from {schema}.steps where execution_id = any (array(select id from traced))
), unremembered as (
    delete from {schema}.history where execution_id = any (array(select id from traced))
), unmeasured as (
    delete from {schema}.progress where execution_id = any (array(select id from traced))
)
-- The counts are compared once: without that gate, looking for none among 500 costs more than all the rest.
select o.id from outcome as o
where (select count(*) from gone) < (select count(*) from outcome)
  and not exists (select from gone where gone.id = o.id)
