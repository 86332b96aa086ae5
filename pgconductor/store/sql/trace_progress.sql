-- How far an execution said that it is.
select done, total, note, at from {schema}.progress where execution_id = %(id)s::uuid
