-- What the durable calls of an execution left behind: results that are never computed again, and what it waits for.
-- A row is written when its call is done, or when the execution parks for it, and goes when the execution is pruned.
--
-- A step row is what those who resolve a wait and those who park for it meet at: whoever changes one locks it first, and
-- looks for the row in `waiting` only then, in a later statement. So either the resolver finds the parked row, or the
-- one that parks finds the step resolved. Lock order: steps by (execution_id, name), then waiting.
create table {{ schema }}.steps (
    execution_id uuid        not null,
    started_at   timestamptz not null,
    finished_at  timestamptz,                   -- null: not yet, or it is a sleep
    wake_at      timestamptz,                   -- the end of a sleep, or of a timeout
    position     integer     not null,          -- among the durable calls; one inserted later has that of the one before it
    attempt      integer     not null,
    pending      integer,                       -- children that have not ended
    max_parallel integer,                       -- how many of them may run at once; null: all
    name         text        not null,
    kind         text        not null,          -- step, transaction, emit; sleep; invoke, map; event
    state        text        not null,          -- waiting, done, timed_out
    result       json,
    target       text,                          -- the key of the children's task, or the awaited event
    keys         text[],                        -- of the payload fields that an awaited event must match, sorted
    match        jsonb,                         -- and their values
    children     uuid[],
    primary key (execution_id, name)
);
create index awaited_steps on {{ schema }}.steps (target, keys, match) where state = 'waiting' and kind = 'event';

-- What happened to an execution that neither its row nor its steps tell: attempts that failed, code that changed.
create table {{ schema }}.history (
    execution_id uuid        not null,
    at           timestamptz not null,
    attempt      integer     not null,
    kind         text        not null,          -- failed, lost, changed; cancelled, retried
    started_at   timestamptz,                   -- of the attempt
    detail       json        not null
);
create index execution_history on {{ schema }}.history (execution_id);

create table {{ schema }}.progress (
    execution_id uuid        primary key,
    done         float8      not null,
    total        float8,
    note         text,
    at           timestamptz not null
) with (fillfactor = 50);

-- Children that ended, until their parent's step has counted them. A queue of its own, so that those who settle children
-- never wait for one another, nor for the parent.
create table {{ schema }}.ended_children (
    parent_id  uuid        not null,
    step       text        not null,
    created_at timestamptz not null             -- of the child: see resume
);

-- However a child ends (settled, cancelled, given up with its worker), it ends in `finished`: nobody can forget to tell.
create function {{ schema }}.tell_parent() returns trigger
    language plpgsql
as $$
begin
    insert into {{ schema }}.ended_children values (new.parent_id, new.parent_step, new.created_at);
    return null;
end
$$;
create trigger tell_parent after insert on {{ schema }}.finished
    for each row when (new.parent_step is not null) execute function {{ schema }}.tell_parent();

-- Make parked executions ready again. Those that are not parked now are left alone: they will look at their steps.
create function {{ schema }}.awaken(ids uuid[]) returns bigint
    language sql
    begin atomic
    with moved as (
        delete from {{ schema }}.waiting where id = any (ids) and not held returning *
    ), back as (
        insert into {{ schema }}.ready
            (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
             has_steps, error)
        select id, {{ schema }}.clock(), created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
               parent_step, has_steps, error
        from moved
    )
    select count({{ schema }}.wake(queue)::text) from (select distinct queue from moved) as q;
    end;

-- Of the children that a step holds back, let as many go as its max_parallel leaves room for.
create function {{ schema }}.release_children(parent uuid, step_name text, unended integer, most integer) returns void
    language plpgsql
as $$
declare
    room integer;
begin
    select most - (unended - count(*)) into room from {{ schema }}.waiting
        where parent_id = parent and parent_step = step_name and held;
    if room > 0 then
        with freed as (
            delete from {{ schema }}.waiting
            where id = any (array(select id from {{ schema }}.waiting where parent_id = parent and parent_step = step_name and held
                                  order by id limit room for update skip locked))
            returning *
        ), due as (
            insert into {{ schema }}.ready
                (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
                 has_steps, error)
            select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
                   parent_step, has_steps, error
            from freed where run_at <= (select {{ schema }}.clock())
        ), later as (
            insert into {{ schema }}.scheduled
                (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
                 has_steps, error)
            select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id,
                   parent_step, has_steps, error
            from freed where run_at > (select {{ schema }}.clock())
        )
        select count({{ schema }}.wake(queue)::text) from (select distinct queue from freed) as q into room;
    end if;
end
$$;

-- Count children that ended, and make the parents ready that waited for the last of theirs. Returns how many parents.
-- A step that was forgotten and made anew has other children: one that was created before it is not counted.
create function {{ schema }}.resume(most integer default 10000) returns integer
    language plpgsql
as $$
declare
    ended    record;
    step     record;
    resolved uuid[] := '{}';
begin
    for ended in
        with taken as (
            delete from {{ schema }}.ended_children
            where ctid = any (array(select ctid from {{ schema }}.ended_children limit most for update skip locked))
            returning parent_id, ended_children.step, created_at
        ), alike as (
            select taken.parent_id, taken.step, taken.created_at, count(*) as n from taken group by 1, 2, 3
        )
        select alike.parent_id, alike.step, s.started_at as began, sum(alike.n)::integer as count
        from alike join {{ schema }}.steps as s
            on s.execution_id = alike.parent_id and s.name = alike.step and s.started_at <= alike.created_at
        where s.state = 'waiting'
        group by 1, 2, 3 order by 1, 2
    loop
        update {{ schema }}.steps
            set pending = pending - ended.count,
                state = case when pending > ended.count then state else 'done' end,
                finished_at = case when pending > ended.count then null else {{ schema }}.clock() end
            where execution_id = ended.parent_id and name = ended.step and state = 'waiting' and started_at = ended.began
            returning pending, max_parallel, state into step;
        if found then
            if step.state = 'done' then
                resolved := resolved || ended.parent_id;
            elsif step.max_parallel is not null then
                perform {{ schema }}.release_children(ended.parent_id, ended.step, step.pending, step.max_parallel);
            end if;
        end if;
    end loop;
    if resolved <> '{}' then
        perform {{ schema }}.awaken(resolved);
    end if;
    return cardinality(resolved);
end
$$;

-- After executions parked again for steps that were recorded before: one may have been resolved while they ran.
create function {{ schema }}.recheck(ids uuid[], names text[]) returns void
    language plpgsql
as $$
declare
    resolved uuid[];
begin
    -- Materialized: a condition on the state, pushed below the lock, would ask the row as it was before the lock was had.
    with locked as materialized (
        select s.execution_id, s.state from {{ schema }}.steps as s
        join unnest(ids, names) as w (id, name) on s.execution_id = w.id and s.name = w.name
        order by s.execution_id, s.name
        for update of s
    )
    select array_agg(execution_id) into resolved from locked where state <> 'waiting';
    if resolved is not null then
        perform {{ schema }}.awaken(resolved);
    end if;
end
$$;

-- End the waits of a queue whose time is up: sleeps beside other waits, and timeouts, whose children are cancelled.
-- Returns how many executions are ready again.
create function {{ schema }}.expire_waits(queue_name text, most integer) returns integer
    language plpgsql
as $$
declare
    due   uuid[];
    child uuid;
    stale uuid[] := '{}';
    ended record;
begin
    select array_agg(id) into due from (
        select id from {{ schema }}.waiting
        where queue = queue_name and wake_at <= {{ schema }}.clock() and not held
        order by wake_at limit most
    ) as late;
    if due is null then
        return 0;
    end if;
    for ended in
        with late as materialized (
            select execution_id, name from {{ schema }}.steps
            where execution_id = any (due) and state = 'waiting' and kind <> 'sleep' and wake_at <= {{ schema }}.clock()
            order by execution_id, name
            for update skip locked
        )
        update {{ schema }}.steps as s set state = 'timed_out', finished_at = {{ schema }}.clock()
        from late where s.execution_id = late.execution_id and s.name = late.name
        returning s.children
    loop
        stale := stale || ended.children;
    end loop;
    perform {{ schema }}.awaken(array(
        select id from {{ schema }}.waiting where id = any (due) and wake_at <= {{ schema }}.clock() order by id for update skip locked));
    foreach child in array array(select unnest(stale) order by 1) loop
        perform {{ schema }}.cancel(child, 'its parent stopped waiting for it');
    end loop;
    return cardinality(due);
end
$$;
