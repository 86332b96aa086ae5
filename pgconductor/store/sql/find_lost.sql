-- Which of these executions this worker does not hold any more, under these leases.
select o.id, o.lease from unnest(%(ids)s::uuid[], %(leases)s::bigint[]) as o (id, lease)
where not exists (
    select from {running} as r
    where r.id between o.id and o.id and r.lease = o.lease and r.worker = %(worker)s::bigint
)
