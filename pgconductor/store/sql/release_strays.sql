-- What the database says this worker holds but the worker does not know of (the reply to its claim was lost with the
-- connection) goes back to ready, no attempt spent.
with stray as materialized (
    select id from {running}
    where worker = %(worker)s::bigint and id <> all (%(known)s::uuid[])
    order by id
    for update
), gone as (
    delete from {running} as r where r.id = any (array(select id from stray))
    returning r.*
), again as (
    insert into {ready}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, run_at, created_at, attempts - 1, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
           parent_step, has_steps or exists (select from {schema}.steps as s where s.execution_id between gone.id and gone.id), error
    from gone where cancel_reason is null
), stopped as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version, 'cancelled',
           queue, task, payload, json_build_object('type', 'Cancelled', 'message', cancel_reason), tags, dedupe_key,
           parent_id, parent_step, worker
    from gone where cancel_reason is not null
)
select id from gone
