-- Children of executions that were parked for them in this transaction, each under its own terms; items name them by
-- position. Those that their parent's max_parallel holds back wait until others have ended.
with term as materialized (
    select t.n, t.task, t.queue, t.version, t.priority, t.tags::text[] as tags, moment.now,
           coalesce(t.run_at, moment.now + t.delay * interval '1 millisecond', moment.now) as due
    from (select {schema}.clock() as now offset 0) as moment,
         unnest(%(tasks)s::text[], %(queues)s::text[], %(versions)s::int2[], %(priorities)s::int2[],
                %(run_ats)s::timestamptz[], %(delays)s::int8[], %(tags)s::text[])
             with ordinality as t (task, queue, version, priority, run_at, delay, tags, n)
), item as materialized (
    select i.id, i.payload, i.parent, i.step, i.held, term.*
    from unnest(%(ids)s::uuid[], %(payloads)s::json[], %(terms)s::int8[], %(parents)s::uuid[], %(steps)s::text[], %(held)s::bool[])
        as i (id, payload, term, parent, step, held)
    join term on term.n = i.term
), added as (
    insert into {schema}.ready (id, run_at, created_at, priority, version, queue, task, payload, tags, parent_id, parent_step)
    select id, due, now, priority, version, queue, task, payload, tags, parent, step from item where due <= now and not held
), later as (
    insert into {schema}.scheduled (id, run_at, created_at, priority, version, queue, task, payload, tags, parent_id, parent_step)
    select id, due, now, priority, version, queue, task, payload, tags, parent, step from item where due > now and not held
), kept as (
    insert into {schema}.waiting (id, run_at, created_at, priority, version, queue, task, payload, tags, parent_id, parent_step, since, held)
    select id, due, now, priority, version, queue, task, payload, tags, parent, step, now, true from item where held
)
select {schema}.wake(queue) from (select distinct queue from term) as woken
