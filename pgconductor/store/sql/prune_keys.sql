-- Keys whose scope has ended: the next enqueue would take them over anyway.
delete from {schema}.keys as k
where (task, kind, key) in (
    select task, kind, key from {schema}.keys as k
    where expires_at < (select {schema}.clock())
       or (expires_at is null
           and not exists (select from {schema}.ready where id = k.execution_id)
           and not exists (select from {schema}.scheduled where id = k.execution_id)
           and not exists (select from {schema}.running where id = k.execution_id)
           and not exists (select from {schema}.waiting where id = k.execution_id))
    limit %(limit)s
    for update skip locked
)
