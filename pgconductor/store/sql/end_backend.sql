-- End the session that a lost connection left behind, and wait for its end: it may still be about to commit.
-- True: there is none any more. The name keeps a process id that was given out anew from ending a stranger.
select coalesce(bool_and(pg_terminate_backend(pid, %(timeout_ms)s::int8)), true)
from pg_stat_activity
where pid = %(pid)s::int and application_name = %(name)s::text and pid <> pg_backend_pid()
