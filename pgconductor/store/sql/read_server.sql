-- The server: what it is, how many sessions it has room for, and the settings that promises rest on.
select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major,
       pg_is_in_recovery() as standby,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as room,
       (select count(*) from pg_stat_activity where backend_type = 'client backend')::int as used,
       array(select name from unnest(array['autovacuum', 'track_counts', 'fsync', 'full_page_writes']) as name
             where not current_setting(name)::boolean) as off,
       (select max(age(datfrozenxid)) from pg_database)::int as oldest_transaction
