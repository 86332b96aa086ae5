-- An execution is one row in exactly one table, and the table is its state:
--
--   scheduled   run_at lies in the future: delays and retries
--   ready       claimable now, and nothing else
--   running     held by one worker under one lease
--   waiting     parked until something else happens
--   finished    completed, failed or cancelled
--
-- scheduled, ready and running have one partition a queue (see queues/<queue>.sql), so workers of different queues
-- never meet. Rows move: an UPDATE of a predicate column costs two to seven times the CPU of DELETE + INSERT here,
-- because it grows with the backlog and leaves the indexes of both states to clean.
--
-- Payloads are json, not jsonb: they are stored once, read whole and never searched on the hot path. Against jsonb this
-- saved 17 B of WAL and, at 400 bytes kept in finished, a quarter of the server CPU per job; and text comes back unchanged.

-- Every time in this schema comes from here. Tests replace the body to move time; nothing else may.
create function {{ schema }}.clock() returns timestamptz
    language sql volatile parallel safe
    return clock_timestamp();

create table {{ schema }}.ready (
    id          uuid        not null,
    run_at      timestamptz not null,           -- when it became due: order within a priority
    created_at  timestamptz not null,
    attempts    integer     not null default 0, -- handler starts so far
    priority    smallint    not null,           -- -100 to 100, higher runs first
    version     smallint    not null,           -- of the payload
    has_steps   boolean     not null default false, -- something of it is in `steps`: a claim must load that
    queue       text        not null,
    task        text        not null,           -- the task's key
    payload     json        not null,
    tags        text[],
    dedupe_key  text,
    parent_id   uuid,
    parent_step text,                           -- the durable call of the parent that waits for it
    error       json                            -- of the last attempt: {type, message, traceback}
) partition by list (queue);

create table {{ schema }}.scheduled (like {{ schema }}.ready including defaults) partition by list (queue);

create table {{ schema }}.running (
    like {{ schema }}.ready including defaults,
    worker        bigint      not null,
    lease         bigint      not null,         -- grows with every claim of the worker: (worker, lease) is the fence
    slot          smallint,                     -- of a task with a concurrency limit: 1 to the limit
    started_at    timestamptz not null,
    cancel_reason text                          -- set: someone asked it to stop
) partition by list (queue);

create table {{ schema }}.waiting (
    like {{ schema }}.ready including defaults,
    since   timestamptz not null,
    wake_at timestamptz,                        -- when the first of its timeouts or sleeps ends
    held    boolean     not null default false  -- a child that waits for a place under its parent's max_parallel
);
create unique index id_waiting on {{ schema }}.waiting (id);
create index due_waiting on {{ schema }}.waiting (queue, wake_at) where wake_at is not null;
create index held_waiting on {{ schema }}.waiting (parent_id, parent_step, id) where held;

create table {{ schema }}.finished (
    id          uuid        not null,
    run_at      timestamptz not null,
    created_at  timestamptz not null,
    started_at  timestamptz,                    -- null: it ended before it ran
    finished_at timestamptz not null,
    attempts    integer     not null,
    priority    smallint    not null,
    version     smallint    not null,
    state       text        not null check (state in ('completed', 'failed', 'cancelled')),
    queue       text        not null,
    task        text        not null,
    payload     json        not null,
    result      json,
    error       json,                           -- failed: {type, message, traceback}; cancelled: {type, message}
    tags        text[],
    dedupe_key  text,
    parent_id   uuid,
    parent_step text,
    worker      bigint
) partition by range (finished_at);
-- Not unique: a unique index here would need finished_at. The running row is what guards: it is deleted once.
create index id_finished on {{ schema }}.finished (id);
create index age_finished on {{ schema }}.finished using brin (finished_at);

-- One row per worker: one queue in one process. One statement beats for all workers of a process.
create table {{ schema }}.workers (
    id           bigint      generated always as identity primary key,
    process      uuid        not null,
    queue        text        not null,
    host         text        not null,
    pid          integer     not null,
    plan         text        not null,          -- the structure hash of the plan it runs
    concurrency  integer     not null,
    lease        interval    not null,
    idle         boolean     not null default false, -- true: an enqueue should NOTIFY
    draining     boolean     not null default false,
    started_at   timestamptz not null,
    heartbeat_at timestamptz not null,
    expires_at   timestamptz not null           -- past it the worker may not claim, and its running rows are rescued
) with (fillfactor = 50);
create index process_workers on {{ schema }}.workers (process);

create table {{ schema }}.queues (
    name       text        primary key,
    paused     boolean     not null default false,  -- the operator's; apply never changes it
    created_at timestamptz not null
);

-- What SQL functions, rescue and pruning need to know of a task; the newest apply wins. Rows are never removed.
create table {{ schema }}.tasks (
    key              text        primary key,
    queue            text        not null,
    version          smallint    not null,
    priority         smallint    not null,
    max_attempts     integer,                   -- null: for ever
    keep_completed   interval,                  -- null: for ever
    keep_failed      interval,
    keep_cancelled   interval,
    dedupe_key       text,                      -- a template over the payload's fields, '{order_id}'; null: none declared
    dedupe_defaults  jsonb       not null,      -- of those fields, for payloads that lack them
    dedupe_scope     text        not null check (dedupe_scope in ('pending', 'active', 'duration')),
    dedupe_for       interval,                  -- of the scope `duration`
    dedupe_conflict  text        not null check (dedupe_conflict in ('skip', 'replace')),
    contract         text        not null,
    updated_at       timestamptz not null
);

-- Who holds a dedupe key, or a throttle or debounce slot. A row whose scope has ended means nothing and is pruned.
create table {{ schema }}.keys (
    task         text        not null,
    kind         text        not null check (kind in ('dedupe', 'throttle', 'debounce')),
    key          text        not null,
    execution_id uuid        not null,
    expires_at   timestamptz,                   -- null: the scope ends with the holder's state
    primary key (task, kind, key)
) with (fillfactor = 80);

create table {{ schema }}.plans (
    structure  text        not null,
    tunables   text        not null,
    applied_at timestamptz not null,
    primary key (structure, tunables)
);

-- When each maintenance job last ran. Taking the row FOR UPDATE SKIP LOCKED is what makes a process its leader.
create table {{ schema }}.maintenance (
    job    text        primary key,
    ran_at timestamptz not null
);

create view {{ schema }}.executions as
    select id, queue, task, 'scheduled' as state, priority, attempts, version, run_at, created_at,
           null::timestamptz as started_at, null::timestamptz as finished_at,
           payload, null::json as result, error, tags, dedupe_key, parent_id, parent_step, null::bigint as worker
    from {{ schema }}.scheduled
    union all
    select id, queue, task, 'ready', priority, attempts, version, run_at, created_at,
           null, null, payload, null, error, tags, dedupe_key, parent_id, parent_step, null
    from {{ schema }}.ready
    union all
    select id, queue, task, 'running', priority, attempts, version, run_at, created_at,
           started_at, null, payload, null, error, tags, dedupe_key, parent_id, parent_step, worker
    from {{ schema }}.running
    union all
    select id, queue, task, 'waiting', priority, attempts, version, run_at, created_at,
           null, null, payload, null, error, tags, dedupe_key, parent_id, parent_step, null
    from {{ schema }}.waiting
    union all
    select id, queue, task, state, priority, attempts, version, run_at, created_at,
           started_at, finished_at, payload, result, error, tags, dedupe_key, parent_id, parent_step, worker
    from {{ schema }}.finished;
