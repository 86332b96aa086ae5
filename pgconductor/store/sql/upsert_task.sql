insert into {schema}.tasks as t
    (key, queue, version, priority, max_attempts, keep_completed, keep_failed, keep_cancelled,
     dedupe_key, dedupe_defaults, dedupe_scope, dedupe_for, dedupe_conflict, contract, updated_at)
values (
    %(key)s, %(queue)s, %(version)s, %(priority)s, %(max_attempts)s,
    %(keep_completed)s * interval '1 millisecond', %(keep_failed)s * interval '1 millisecond',
    %(keep_cancelled)s * interval '1 millisecond',
    %(dedupe_key)s, %(dedupe_defaults)s::jsonb, %(dedupe_scope)s, %(dedupe_for)s * interval '1 millisecond', %(dedupe_conflict)s, %(contract)s,
    {schema}.clock()
)
on conflict (key) do update set
    queue = excluded.queue, version = excluded.version, priority = excluded.priority,
    max_attempts = excluded.max_attempts, keep_completed = excluded.keep_completed,
    keep_failed = excluded.keep_failed, keep_cancelled = excluded.keep_cancelled,
    dedupe_key = excluded.dedupe_key, dedupe_defaults = excluded.dedupe_defaults,
    dedupe_scope = excluded.dedupe_scope, dedupe_for = excluded.dedupe_for,
    dedupe_conflict = excluded.dedupe_conflict, contract = excluded.contract, updated_at = excluded.updated_at
