-- Cancel everything in a queue that is about to be removed.
select count(*) from (
    select {schema}.cancel(id, %(reason)s) from {schema}.executions
    where queue = %(queue)s and state in ('scheduled', 'ready', 'waiting')
    order by id
) as cancelled
