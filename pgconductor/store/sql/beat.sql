-- One statement keeps every worker of a process alive. Returns the workers that still exist, and which of them had
-- lapsed: they are alive again, but what they held may have been rescued.
-- Rescue locks the workers whose rows it takes: whoever hears from here that it had not lapsed has lost nothing.
update {schema}.workers as w
set heartbeat_at = (select {schema}.clock()), expires_at = (select {schema}.clock()) + w.lease
from {schema}.workers as before
where w.process = %(process)s::uuid and before.id = w.id
returning w.id, before.expires_at <= {schema}.clock() as lapsed
