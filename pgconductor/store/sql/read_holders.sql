-- Whoever keeps dead rows of this database from being cleared away, by a snapshot that was taken long ago. What the
-- sessions of other roles do is hidden from roles without pg_monitor: `hidden` counts those.
select 'session' as kind, pid::text as name, concat_ws(' ', nullif(application_name, ''), 'of', usename) as whose,
       extract(epoch from clock_timestamp() - xact_start)::float8 as seconds, state like 'idle in transaction%%' as idle
from pg_stat_activity
where backend_xmin is not null and datname = current_database() and pid <> pg_backend_pid()
  and xact_start < clock_timestamp() - %(longer_than)s * interval '1 second'
union all
select 'prepared transaction', gid, 'of ' || owner, extract(epoch from clock_timestamp() - prepared)::float8, true
from pg_prepared_xacts
where database = current_database() and prepared < clock_timestamp() - %(longer_than)s * interval '1 second'
union all
select 'replication slot', slot_name::text, coalesce(plugin::text, slot_type), null, true
from pg_replication_slots
where not active and (xmin is not null or catalog_xmin is not null)
order by seconds desc nulls last
