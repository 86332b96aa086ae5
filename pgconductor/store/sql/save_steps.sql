-- Memoise the results of steps of one kind; `took` is in microseconds. One row for each that was not simply saved: lost (somebody else's by now), or saved, but
-- of an execution that was asked to stop.
-- The lock on the worker's own row is the fence: rescue takes it from a lapsed worker before it takes its executions, so
-- nothing can be saved after them. One lock for all, where locking each execution would write to each.
-- Sent again after a lost reply it fails with a unique violation, and the sender asks what is there. `on conflict do
-- nothing` would spare that, and cost every step 4 us of the server's and 48 B of WAL.
with fence as materialized (
    select from {schema}.workers
    where id = %(worker)s::bigint and expires_at > (select {schema}.clock())
    for key share
), step as materialized (
    select * from unnest(%(ids)s::uuid[], %(leases)s::int8[], %(names)s::text[], %(positions)s::int8[], %(results)s::json[],
                         %(took)s::int8[])
        as s (id, lease, name, position, result, took)
), held as materialized (
    select s.*, r.attempts, r.cancel_reason from step as s
    -- Not `=`: a plan made while the table is small would walk its whole index for every step, and be kept.
    join {running} as r on r.id between s.id and s.id and r.lease = s.lease and r.worker = %(worker)s::bigint
    where exists (select from fence)
), saved as (
    insert into {schema}.steps (execution_id, started_at, finished_at, position, attempt, name, kind, state, result)
    select id, moment.now - took * interval '1 microsecond', moment.now, position, attempts, name, %(kind)s, 'done', result
    from held, (select {schema}.clock() as now offset 0) as moment
)
select h.id, h.lease, h.cancel_reason from held as h where h.cancel_reason is not null
union all
select s.id, s.lease, null from step as s
where (select count(*) from held) < (select count(*) from step)
  and not exists (select from held as h where h.id = s.id and h.lease = s.lease)
