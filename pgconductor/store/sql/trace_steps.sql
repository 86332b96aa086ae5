-- The durable calls of an execution, and how its children are: counts, however many there are, and who failed first.
-- Each table is asked by index for all of them at once; they ended after the call began, which leaves out the days before.
select s.name, s.kind, s.state, s.attempt, s.started_at, s.finished_at, s.wake_at,
       s.wake_at <= (select {schema}.clock()) as over, s.target, s.match, s.max_parallel,
       coalesce(cardinality(s.children), 0) as children, s.children[1] as first_child, child.states, child.failed
from {schema}.steps as s
left join lateral (
    select json_object_agg(state, n order by state) as states, array_agg(failed) filter (where failed is not null) as failed
    from (
        select 'scheduled' as state, count(*) as n, null::text as failed from {schema}.scheduled where id = any (s.children)
        union all select 'ready', count(*), null from {schema}.ready where id = any (s.children)
        union all select 'running', count(*), null from {schema}.running where id = any (s.children)
        union all select 'waiting', count(*), null from {schema}.waiting where id = any (s.children)
        union all
        select f.state, count(*), case when f.state = 'failed' then min(f.id::text) end
        from {schema}.finished as f where f.id = any (s.children) and f.finished_at >= s.started_at
        group by f.state
    ) as counted where n > 0
) as child on s.children is not null
where s.execution_id = %(id)s::uuid
order by s.position, s.started_at
