-- One statement keeps every worker of a process alive. Returns the workers that still exist.
update {schema}.workers
set heartbeat_at = (select {schema}.clock()), expires_at = (select {schema}.clock()) + lease
where process = %(process)s::uuid
returning id
