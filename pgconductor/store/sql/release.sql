-- Give back executions that did not get to run, or stopped at a clean shutdown: ready again, no attempt spent.
-- Returns the ids that this worker no longer holds.
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
), again as (
    insert into {ready}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, run_at, created_at, attempts - 1, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
           parent_step, has_steps or exists (select from {schema}.steps as s where s.execution_id between gone.id and gone.id), error
    from gone where cancel_reason is null
), woken as (
    select {schema}.wake(queue) from (select distinct queue from gone) as q
)
select o.id from outcome as o
where (select count(*) from woken) >= 0
  and (select count(*) from gone) < (select count(*) from outcome)
  and not exists (select from gone where gone.id = o.id)
