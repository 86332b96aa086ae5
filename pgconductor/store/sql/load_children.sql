-- How the children of the steps that are done ended, in the order in which they were given. A missing state: pruned.
-- They ended after the step began, which leaves out the days before.
select s.execution_id, s.name, child.id, f.state, f.result::text, f.error
from {schema}.steps as s
cross join unnest(s.children) with ordinality as child (id, n)
left join {schema}.finished as f on f.id between child.id and child.id and f.finished_at >= s.started_at
where s.execution_id = any (%(ids)s::uuid[]) and s.state = 'done'
order by s.execution_id, s.position, child.n
