-- What happened to an execution that neither its row nor its steps tell.
select at, attempt, kind, started_at, detail from {schema}.history where execution_id = %(id)s::uuid order by at
