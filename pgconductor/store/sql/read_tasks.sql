select key, queue, version, priority, max_attempts,
       (extract(epoch from keep_completed) * 1000)::bigint as keep_completed,
       (extract(epoch from keep_failed) * 1000)::bigint as keep_failed,
       (extract(epoch from keep_cancelled) * 1000)::bigint as keep_cancelled,
       dedupe_key, dedupe_defaults::text, dedupe_scope, (extract(epoch from dedupe_for) * 1000)::bigint as dedupe_for, dedupe_conflict, contract
from {schema}.tasks
