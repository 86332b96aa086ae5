-- Settle executions that ended, and keep them. Returns the ids that this worker no longer holds.
-- One that was asked to stop while it ran ends cancelled, whatever its handler made of it.
with outcome as materialized (
    select *
    from unnest(%(ids)s::uuid[], %(leases)s::bigint[], %(states)s::text[], %(results)s::text[], %(errors)s::text[])
        as o (id, lease, state, result, error)
), gone as (
    delete from {running} as r using outcome as o
    -- Not `=`: a plan made while the table is small would walk its whole index for every outcome, and be kept.
    where r.id between o.id and o.id and r.lease = o.lease and r.worker = %(worker)s::bigint
    returning r.*, o.state, o.result, o.error as outcome_error
), kept as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         result, error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version,
           case when cancel_reason is null then state else 'cancelled' end, queue, task, payload,
           case when cancel_reason is null then result::json end,
           case when cancel_reason is null then outcome_error::json
                else json_build_object('type', 'Cancelled', 'message', cancel_reason) end,
           tags, dedupe_key, parent_id, parent_step, worker
    from gone
)
-- The counts are compared once: without that gate, looking for none among 500 costs more than all the rest.
select o.id from outcome as o
where (select count(*) from gone) < (select count(*) from outcome)
  and not exists (select from gone where gone.id = o.id)
