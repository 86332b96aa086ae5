-- What can still become of an execution: its state, whether anything is under way at all, and when the next thing is due.
select (select state from {schema}.executions where id = %(id)s::uuid),
       exists (select from {schema}.ready) or exists (select from {schema}.running) or exists (select from {schema}.ended_children),
       extract(epoch from least(
           (select min(run_at) from {schema}.scheduled), (select min(wake_at) from {schema}.waiting)
       ) - {schema}.clock())::float8
