-- Executions stop until something happens: the worker is free meanwhile, and the attempt goes on when they wake.
-- Those that only sleep go to scheduled, the others wait. One row for each that was not parked: lost, or asked to stop.
-- One moment for all: a row that is due before its sleep is over would run in vain.
with moment as materialized (
    select {schema}.clock() as now
), parked as materialized (
    select * from unnest(%(ids)s::uuid[], %(leases)s::bigint[], %(asleep)s::bool[], %(delays)s::int8[], %(wake_ats)s::timestamptz[])
        as p (id, lease, asleep, delay, until)
), gone as (
    delete from {running} as r using parked as p
    -- Not `=`: a plan made while the table is small would walk its whole index for every one, and be kept.
    where r.id between p.id and p.id and r.lease = p.lease and r.worker = %(worker)s::bigint
    returning r.*, p.asleep, least((select now from moment) + p.delay * interval '1 millisecond', p.until) as wake_at
), whole as materialized (
    -- Asked once: joining 500 parked with 500 gone to find that none is missing would cost more than all the rest.
    select count(*) = (select count(*) from parked) as all_parked from gone where cancel_reason is null
), stopped as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version, 'cancelled',
           queue, task, payload, json_build_object('type', 'Cancelled', 'message', cancel_reason), tags, dedupe_key,
           parent_id, parent_step, worker
    from gone where cancel_reason is not null
), recorded as (
    insert into {schema}.steps
        (execution_id, started_at, wake_at, position, attempt, pending, max_parallel, name, kind, state, target, keys, match,
         children)
    select w.id, moment.now, coalesce(w.until, moment.now + w.delay * interval '1 millisecond'), w.position, w.attempt,
           w.pending, w.max_parallel, w.name, w.kind, 'waiting', w.target, w.keys::text[], w.match::jsonb, w.children::uuid[]
    from moment,
         unnest(%(wait_ids)s::uuid[], %(names)s::text[], %(kinds)s::text[], %(positions)s::int4[], %(attempts)s::int4[], %(wait_delays)s::int8[],
                %(untils)s::timestamptz[], %(pendings)s::int4[], %(max_parallels)s::int4[], %(targets)s::text[], %(keys)s::text[],
                %(matches)s::text[], %(children)s::text[])
             as w (id, name, kind, position, attempt, delay, until, pending, max_parallel, target, keys, match, children)
    where (select all_parked from whole) or exists (select from gone where gone.id = w.id and gone.cancel_reason is null)
    on conflict (execution_id, name) do nothing
), sleeping as (
    insert into {scheduled}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, wake_at, created_at, attempts - 1, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
           parent_step, true, error
    from gone where cancel_reason is null and asleep
), waiting as (
    insert into {schema}.waiting
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error, since, wake_at)
    select id, run_at, created_at, attempts - 1, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
           parent_step, true, error, (select {schema}.clock()), wake_at
    from gone where cancel_reason is null and not asleep
)
select p.id, gone.id is not null as stopped
from parked as p left join gone on gone.id = p.id
where not (select all_parked from whole) and (gone.id is null or gone.cancel_reason is not null)
