-- The states of some executions, and what the ended ones left; no row for an unknown one.
-- Rows move between tables in single statements, so one snapshot finds each exactly once.
select uuid_send(id), state, result::text, error from {schema}.finished where id = any (%(ids)s::uuid[])
union all
select uuid_send(id), 'ready', null, null from {schema}.ready where id = any (%(ids)s::uuid[])
union all
select uuid_send(id), 'running', null, null from {schema}.running where id = any (%(ids)s::uuid[])
union all
select uuid_send(id), 'scheduled', null, null from {schema}.scheduled where id = any (%(ids)s::uuid[])
union all
select uuid_send(id), 'waiting', null, null from {schema}.waiting where id = any (%(ids)s::uuid[])
