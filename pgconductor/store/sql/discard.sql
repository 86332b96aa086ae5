-- Settle completed executions that are not kept. Returns the ids that this worker no longer holds.
-- `traced` ones left steps, history or progress, which go with them.
-- One that was asked to stop while it ran ends cancelled, and that is kept.
with outcome as materialized (
    select * from unnest(%(ids)s::uuid[], %(leases)s::bigint[]) as o (id, lease)
), gone as (
    delete from {running} as r using outcome as o
    -- Not `=`: a plan made while the table is small would walk its whole index for every outcome, and be kept.
    where r.id between o.id and o.id and r.lease = o.lease and r.worker = %(worker)s::bigint
    returning r.*
), stopped as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version, 'cancelled',
           queue, task, payload, json_build_object('type', 'Cancelled', 'message', cancel_reason), tags, dedupe_key,
           parent_id, parent_step, worker
    from gone where cancel_reason is not null
), forgotten as (
    delete from {schema}.steps where execution_id = any (array(
        select id from gone where id = any (%(traced)s::uuid[]) and cancel_reason is null))
), unremembered as (
    delete from {schema}.history where execution_id = any (array(
        select id from gone where id = any (%(traced)s::uuid[]) and cancel_reason is null))
), unmeasured as (
    delete from {schema}.progress where execution_id = any (array(
        select id from gone where id = any (%(traced)s::uuid[]) and cancel_reason is null))
)
-- The counts are compared once: without that gate, looking for none among 500 costs more than all the rest.
select o.id from outcome as o
where (select count(*) from gone) < (select count(*) from outcome)
  and not exists (select from gone where gone.id = o.id)
