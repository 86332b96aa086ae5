-- Take back a batch of the executions that failed or were cancelled, by id: a filter that is null lets all pass.
-- One row an execution: its id, and null, or why it was left.
select found.id, {schema}.try_retry(found.id, %(from_step)s::text) as problem
from (
    select id from {schema}.finished
    where state in ('failed', 'cancelled') and id > %(after)s::uuid
      and (%(task)s::text is null or task = %(task)s) and (%(queue)s::text is null or queue = %(queue)s)
      and (%(tag)s::text is null or %(tag)s = any (tags)) and (%(state)s::text is null or state = %(state)s)
    order by id
    limit %(limit)s::int
) as found
