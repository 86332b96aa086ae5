-- How many executions in one of these states pass all filters; a filter that is null lets all pass.
select count(*) from {schema}.executions
where state = any (%(states)s::text[])
  and (%(task)s::text is null or task = %(task)s) and (%(queue)s::text is null or queue = %(queue)s)
  and (%(tag)s::text is null or %(tag)s = any (tags))
