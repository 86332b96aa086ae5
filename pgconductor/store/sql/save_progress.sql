-- The latest progress of executions that this worker holds.
insert into {schema}.progress (execution_id, done, total, note, at)
select p.id, p.done, p.total, p.note, {schema}.clock()
from unnest(%(ids)s::uuid[], %(leases)s::bigint[], %(dones)s::float8[], %(totals)s::float8[], %(notes)s::text[])
    as p (id, lease, done, total, note)
join {running} as r on r.id between p.id and p.id and r.lease = p.lease and r.worker = %(worker)s::bigint
order by p.id
on conflict (execution_id) do update set done = excluded.done, total = excluded.total, note = excluded.note, at = excluded.at
