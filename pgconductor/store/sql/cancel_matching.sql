-- Cancel a batch of the executions that have not ended, by id: a filter that is null lets all pass.
-- One row an execution: its id, and whether the cancel holds.
select found.id, {schema}.cancel(found.id, %(reason)s::text) as cancelled
from (
    select id from {schema}.executions
    where state in ('scheduled', 'ready', 'running', 'waiting') and id > %(after)s::uuid
      and (%(task)s::text is null or task = %(task)s) and (%(queue)s::text is null or queue = %(queue)s)
      and (%(tag)s::text is null or %(tag)s = any (tags)) and (%(state)s::text is null or state = %(state)s)
    order by id
    limit %(limit)s::int
) as found
