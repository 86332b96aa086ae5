-- What lapsed workers held is ready again, or failed when its attempts are spent: a crash costs the attempt it took.
-- A running row whose worker is not alive is lapsed; nothing else has to be remembered. The fence keeps a worker that
-- comes back from settling what was taken from it; the lock on its row makes its next beat wait until this is
-- committed, so that what it then finds to be its own stays its own. Who saves a step at this moment has it locked against us.
-- What somebody else has locked is left to the next round: rescue waits for nobody.
with dead as materialized (
    select w.id from {schema}.workers as w
    where w.expires_at <= (select {schema}.clock()) and w.id in (select worker from {schema}.running)
    for update skip locked
), lapsed as materialized (
    select r.id, r.queue from {schema}.running as r
    where not exists (
        select from {schema}.workers as w where w.id = r.worker and w.id <> all (array(select id from dead))
    )
    for update of r skip locked
), gone as (
    delete from {schema}.running as r using lapsed as l
    where r.id = l.id and r.queue = l.queue
    returning r.*
), judged as (
    select gone.*, gone.attempts >= t.max_attempts as spent
    from gone left join {schema}.tasks as t on t.key = gone.task
), ended as (
    insert into {schema}.finished
        (id, run_at, created_at, started_at, finished_at, attempts, priority, version, state, queue, task, payload,
         error, tags, dedupe_key, parent_id, parent_step, worker)
    select id, run_at, created_at, started_at, (select {schema}.clock()), attempts, priority, version,
           case when cancel_reason is null then 'failed' else 'cancelled' end, queue, task, payload,
           case when cancel_reason is null
                then json_build_object('type', 'WorkerLost', 'message', format(
                    'worker %%s stopped beating during attempt %%s, the last one', worker, attempts))
                else json_build_object('type', 'Cancelled', 'message', cancel_reason) end,
           tags, dedupe_key, parent_id, parent_step, worker
    from judged where spent or cancel_reason is not null
), again as (
    insert into {schema}.ready
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
           has_steps or exists (select from {schema}.steps as s where s.execution_id between judged.id and judged.id),
           json_build_object('type', 'WorkerLost', 'message', format(
               'worker %%s stopped beating during attempt %%s', worker, attempts))
    from judged where spent is not true and cancel_reason is null
), remembered as (
    insert into {schema}.history (execution_id, at, attempt, kind, started_at, detail)
    select id, {schema}.clock(), attempts, 'lost', started_at, json_build_object('type', 'WorkerLost', 'message', format(
               'worker %%s stopped beating during attempt %%s', worker, attempts))
    from judged where spent is not true and cancel_reason is null
), woken as (
    select {schema}.wake(queue) from (select distinct queue from gone) as q
)
select id, task, queue, attempts, worker, spent is true as spent from judged where (select count(*) from woken) >= 0
