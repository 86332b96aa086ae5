-- How much of each table that turns over is dead, and how large its indexes have become.
select c.relname as name, greatest(s.n_live_tup, 0) as live, s.n_dead_tup as dead,
       pg_relation_size(c.oid) as bytes, pg_indexes_size(c.oid) as index_bytes, s.last_autovacuum
from pg_stat_user_tables as s
join pg_class as c on c.oid = s.relid
where s.schemaname = %(schema)s and c.relkind = 'r' and c.relname not like 'finished%%'
order by c.relname
