-- Sessions of which this role may see no more than that they exist.
select count(*) from pg_stat_activity
where datname = current_database() and backend_type is null
