-- A failed attempt will be followed by another, after its delay. Returns the ids that this worker no longer holds.
with outcome as materialized (
    select *
    from unnest(%(ids)s::uuid[], %(leases)s::bigint[], %(delays)s::bigint[], %(errors)s::text[])
        as o (id, lease, delay, error)
), gone as (
    delete from {running} as r using outcome as o
    -- Not `=`: a plan made while the table is small would walk its whole index for every outcome, and be kept.
    where r.id between o.id and o.id and r.lease = o.lease and r.worker = %(worker)s::bigint
    returning r.*, o.delay, o.error as outcome_error
), stopped as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version, 'cancelled',
           queue, task, payload, json_build_object('type', 'Cancelled', 'message', cancel_reason), tags, dedupe_key,
           parent_id, parent_step, worker
    from gone where cancel_reason is not null
), remembered as (
    insert into {schema}.history (execution_id, at, attempt, kind, started_at, detail)
    select id, {schema}.clock(), attempts, 'failed', started_at, outcome_error::json from gone where cancel_reason is null
), forgotten as (
    -- The call whose failure failed the attempt is tried again with it: a child anew, a wait anew.
    delete from {schema}.steps as s using gone
    where s.execution_id between gone.id and gone.id and s.name = gone.outcome_error::json ->> 'step'
      and gone.cancel_reason is null
), later as (
    insert into {scheduled}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, {schema}.clock() + delay * interval '1 millisecond', created_at, attempts, priority, version, queue, task,
           payload, tags, dedupe_key, parent_id, parent_step,
           has_steps or exists (select from {schema}.steps as s where s.execution_id between gone.id and gone.id), outcome_error::json
    from gone where cancel_reason is null and delay > 0
), again as (
    insert into {ready}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, {schema}.clock(), created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
           parent_step, has_steps or exists (select from {schema}.steps as s where s.execution_id between gone.id and gone.id),
           outcome_error::json
    from gone where cancel_reason is null and delay <= 0
)
-- The counts are compared once: without that gate, looking for none among 500 costs more than all the rest.
select o.id from outcome as o
where (select count(*) from gone) < (select count(*) from outcome)
  and not exists (select from gone where gone.id = o.id)
