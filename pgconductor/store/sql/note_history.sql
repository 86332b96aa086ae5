-- Remember what happened to executions that this worker holds.
insert into {schema}.history (execution_id, at, attempt, kind, detail)
select n.id, {schema}.clock(), r.attempts, n.kind, n.detail::json
from unnest(%(ids)s::uuid[], %(leases)s::bigint[], %(kinds)s::text[], %(details)s::text[]) as n (id, lease, kind, detail)
join {running} as r on r.id between n.id and n.id and r.lease = n.lease and r.worker = %(worker)s::bigint
