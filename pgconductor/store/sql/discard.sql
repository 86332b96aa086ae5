-- Settle completed executions that are not kept. Returns the ids that this worker no longer holds.
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
         error, tags, dedupe_key, parent_id, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version, 'cancelled',
           queue, task, payload, json_build_object('type', 'Cancelled', 'message', cancel_reason), tags, dedupe_key,
           parent_id, worker
    from gone where cancel_reason is not null
)
-- The counts are compared once: without that gate, looking for none among 500 costs more than all the rest.
select o.id from outcome as o
where (select count(*) from gone) < (select count(*) from outcome)
  and not exists (select from gone where gone.id = o.id)
