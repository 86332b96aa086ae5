-- The executions of this worker that someone asked to stop.
select id, lease, cancel_reason from {running} where worker = %(worker)s::bigint and cancel_reason is not null
