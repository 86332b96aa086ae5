-- A UUIDv7: 48 bits of milliseconds, then random. PostgreSQL 18 has its own; this one serves every version alike.
create function {{ schema }}.uuid7() returns uuid
    language sql volatile parallel safe
    return encode(
        set_bit(set_bit(overlay(
            uuid_send(gen_random_uuid())
            placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6
        ), 52, 1), 53, 1), 'hex')::uuid;

-- The partitions of `finished` for today and the days to come.
create function {{ schema }}.create_history(days integer) returns void
    language plpgsql
    set search_path = pg_catalog, pg_temp
as $$
declare
    day date;
    partition text;
begin
    perform pg_advisory_xact_lock(hashtextextended('{{ schema }}.create_history', 0));
    for offset_days in -1 .. days loop
        day := (({{ schema }}.clock() at time zone 'UTC')::date + offset_days);
        partition := 'finished_' || to_char(day, 'YYYYMMDD');
        if to_regclass(format('{{ schema }}.%I', partition)) is null then
            -- LIKE + CHECK, then ATTACH: PARTITION OF would lock out every settle until it commits.
            execute format(
                'create table {{ schema }}.%1$I (like {{ schema }}.finished including defaults including constraints,
                     constraint %1$I check (finished_at >= %2$L and finished_at < %3$L))
                 with (autovacuum_vacuum_insert_scale_factor = 0.5)',
                partition, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
            execute format(
                'alter table {{ schema }}.finished attach partition {{ schema }}.%I for values from (%L) to (%L)',
                partition, day::timestamp at time zone 'UTC', (day + 1)::timestamp at time zone 'UTC');
            execute format('alter table {{ schema }}.%1$I drop constraint %1$I', partition);
        end if;
    end loop;
end
$$;

-- Which of these ids there is an execution with, in any state. Ids that callers supply are known or they are not: whoever
-- asks first holds the answer until its transaction ends. The locks are 1,024, so that a large bulk call cannot exhaust the
-- lock table, and taken in one order; the look comes after the wait for them. One look for all: it costs 75 us however few.
create function {{ schema }}.known(ids uuid[]) returns setof uuid
    language plpgsql volatile
as $$
begin
    perform pg_advisory_xact_lock(hashtext('{{ schema }}.known'), bucket)
    from (select distinct hashtext(id::text) & 1023 as bucket from unnest(ids) as id order by 1 offset 0) as buckets;
    return query
        select id from {{ schema }}.ready where id = any (ids)
        union all select id from {{ schema }}.running where id = any (ids)
        union all select id from {{ schema }}.scheduled where id = any (ids)
        union all select id from {{ schema }}.waiting where id = any (ids)
        union all select id from {{ schema }}.finished where id = any (ids);
end
$$;

-- Wake an idle worker of the queue when this transaction commits. Busy workers look by themselves, and NOTIFY takes a
-- lock of the whole cluster at commit, so nobody is notified who does not need it.
create function {{ schema }}.wake(queue_name text) returns void
    language plpgsql
as $$
begin
    if exists (
        select from {{ schema }}.workers
        where queue = queue_name and idle and expires_at > (select {{ schema }}.clock())
    ) then
        perform pg_notify('{{ schema }}', queue_name);
    end if;
end
$$;

-- Take a key for an execution. Null: it is taken. Otherwise the row as it stands, locked: someone has it, or had it.
create function {{ schema }}.take_key(
    task_key text, key_kind text, key_text text, holder_id uuid, held_until timestamptz
) returns {{ schema }}.keys
    language plpgsql
as $$
declare
    holder {{ schema }}.keys;
begin
    loop
        insert into {{ schema }}.keys values (task_key, key_kind, key_text, holder_id, held_until)
            on conflict (task, kind, key) do nothing;
        exit when found;
        select * into holder from {{ schema }}.keys where (task, kind, key) = (task_key, key_kind, key_text) for update;
        exit when found;  -- else it was pruned meanwhile
    end loop;
    return holder;
end
$$;

-- Has the execution not begun: never started, no retry, not asleep? Then it stays so until this transaction ends: who is
-- told "it will run" in a transaction must see it run after the commit, with what the transaction wrote.
-- It moves from scheduled to ready and never back, so looking in this order cannot miss it.
create function {{ schema }}.lock_pending(execution_id uuid) returns boolean
    language plpgsql
as $$
begin
    perform from {{ schema }}.scheduled where id = execution_id and attempts = 0 and not has_steps for key share;
    if not found then
        perform from {{ schema }}.ready where id = execution_id and attempts = 0 and not has_steps for key share;
    end if;
    return found;
end
$$;

-- Has an execution not ended?
create function {{ schema }}.is_live(execution_id uuid) returns boolean
    language plpgsql
as $$
begin
    return exists (select from {{ schema }}.running where id = execution_id)
        or exists (select from {{ schema }}.scheduled where id = execution_id)
        or exists (select from {{ schema }}.ready where id = execution_id)
        or exists (select from {{ schema }}.waiting where id = execution_id);
end
$$;

-- Does whoever has a dedupe key keep it from others still?
create function {{ schema }}.keeps_key(scope text, holder {{ schema }}.keys, pending boolean) returns boolean
    language plpgsql
as $$
begin
    return case scope
        when 'pending' then pending
        when 'active' then pending or {{ schema }}.is_live(holder.execution_id)
        else coalesce(holder.expires_at > {{ schema }}.clock(), pending)
    end;
end
$$;

-- Put an execution where it waits for a worker, and wake one: also for the future, since an idle worker sleeps until the
-- next that it knows of.
create function {{ schema }}.place(
    execution_id uuid, due_at timestamptz, created timestamptz, execution_priority smallint, payload_version smallint,
    queue_name text, task_key text, payload_json json, execution_tags text[], unique_key text
) returns void
    language plpgsql
as $$
begin
    if due_at <= {{ schema }}.clock() then
        insert into {{ schema }}.ready (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key)
            values (execution_id, due_at, created, execution_priority, payload_version, queue_name, task_key, payload_json,
                    execution_tags, unique_key)
            on conflict do nothing;
    else
        insert into {{ schema }}.scheduled (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key)
            values (execution_id, due_at, created, execution_priority, payload_version, queue_name, task_key, payload_json,
                    execution_tags, unique_key)
            on conflict do nothing;
    end if;
    perform {{ schema }}.wake(queue_name);
end
$$;

-- Give an execution that has not begun a new payload, priority and time. False: it has begun, or is gone.
create function {{ schema }}.replace_pending(
    execution_id uuid, payload_json json, payload_version smallint, new_priority smallint, new_run_at timestamptz, new_tags text[]
) returns boolean
    language plpgsql
as $$
declare
    old record;
begin
    delete from {{ schema }}.scheduled where id = execution_id and attempts = 0 and not has_steps
        returning created_at, queue, task, dedupe_key into old;
    if not found then
        delete from {{ schema }}.ready where id = execution_id and attempts = 0 and not has_steps
            returning created_at, queue, task, dedupe_key into old;
    end if;
    if found then
        perform {{ schema }}.place(execution_id, new_run_at, old.created_at, new_priority, payload_version, old.queue, old.task,
                                   payload_json, new_tags, old.dedupe_key);
        return true;
    end if;
    return false;
end
$$;

-- When the throttle or debounce slot of this moment ends. Slots are aligned to the epoch.
create function {{ schema }}.slot_end(slot interval) returns timestamptz
    language plpgsql
as $$
declare
    seconds numeric := extract(epoch from slot);
begin
    if seconds <= 0 then
        raise exception 'a throttle or debounce slot must be longer than zero' using errcode = 'invalid_parameter_value';
    end if;
    return to_timestamp((floor(extract(epoch from {{ schema }}.clock()) / seconds) + 1) * seconds);
end
$$;

-- Enqueue one execution under every option. Returns its id, that of the execution which has its dedupe key or debounce
-- slot, or null when it was throttled. The fast path of plain enqueues is the client's own INSERT; both end in the same
-- rows. Locks are taken in one order: ids, then keys, then executions that have not begun.
create function {{ schema }}.enqueue(
    execution_id  uuid,             -- not known
    task_key      text,
    payload_json  json,
    payload_version smallint,
    execution_priority smallint,
    due_at        timestamptz,      -- null: now
    unique_key    text,             -- dedupe, throttle and debounce key
    throttle      interval,
    debounce      interval,
    execution_tags text[]
) returns uuid
    language plpgsql
as $$
declare
    declared {{ schema }}.tasks;
    slot     interval := coalesce(throttle, debounce);
    key_kind text := case when throttle is not null then 'throttle' when debounce is not null then 'debounce' else 'dedupe' end;
    expiry   timestamptz;           -- of the key
    holder   {{ schema }}.keys;
    pending  boolean;
begin
    select * into declared from {{ schema }}.tasks where key = task_key;
    if not found then
        raise exception 'no task with the key "%"', task_key
            using errcode = 'undefined_object', hint = 'Declare it in conductor.toml and run `pgconductor apply`.';
    end if;
    if throttle is not null and debounce is not null then
        raise exception 'throttle and debounce exclude each other' using errcode = 'invalid_parameter_value';
    end if;
    if debounce is not null and due_at is not null then
        raise exception 'a debounced execution runs at the end of its slot: no delay, no run_at'
            using errcode = 'invalid_parameter_value';
    end if;
    if slot is not null or unique_key is not null then
        expiry := case when slot is not null then {{ schema }}.slot_end(slot) else {{ schema }}.clock() + declared.dedupe_for end;
        holder := {{ schema }}.take_key(task_key, key_kind, coalesce(unique_key, ''), execution_id, expiry);
    end if;
    if holder.execution_id is not null then
        -- Taking it may have waited for another transaction: look at the time only now.
        if key_kind = 'dedupe' then
            pending := {{ schema }}.lock_pending(holder.execution_id);
            if {{ schema }}.keeps_key(declared.dedupe_scope, holder, pending) then
                if pending and declared.dedupe_conflict = 'replace' then
                    perform {{ schema }}.replace_pending(
                        holder.execution_id, payload_json, payload_version, execution_priority,
                        coalesce(due_at, {{ schema }}.clock()), execution_tags);
                else
                    perform {{ schema }}.wake(declared.queue);  -- claims pass over what lock_pending holds
                end if;
                return holder.execution_id;
            end if;
            expiry := {{ schema }}.clock() + declared.dedupe_for;
        else
            if holder.expires_at > {{ schema }}.clock() then
                if key_kind = 'throttle' then
                    -- The same call again, its execution ended and not kept, is no other call.
                    return case when holder.execution_id = enqueue.execution_id then holder.execution_id end;
                end if;
                if {{ schema }}.replace_pending(
                    holder.execution_id, payload_json, payload_version, execution_priority, holder.expires_at, execution_tags
                ) then
                    return holder.execution_id;
                end if;
            end if;
            expiry := {{ schema }}.slot_end(slot);
        end if;
        update {{ schema }}.keys set execution_id = enqueue.execution_id, expires_at = expiry
            where (task, kind, key) = (task_key, key_kind, coalesce(unique_key, ''));
    end if;

    perform {{ schema }}.place(
        execution_id, case key_kind when 'debounce' then expiry else coalesce(due_at, {{ schema }}.clock()) end, {{ schema }}.clock(),
        execution_priority, payload_version, declared.queue, task_key, payload_json, execution_tags, unique_key);
    return execution_id;
end
$$;

-- The dedupe key that a task declares, made of a payload as clients make it of theirs; null if it declares none.
create function {{ schema }}.declared_key(declared {{ schema }}.tasks, payload jsonb) returns text
    language plpgsql immutable
as $$
declare
    given  jsonb := declared.dedupe_defaults || payload;
    made   text  := '';
    piece  text[];                  -- a brace that was doubled, a text, or the name of a field
begin
    if declared.dedupe_key is null then
        return null;
    end if;
    for piece in
        select regexp_matches(declared.dedupe_key, '(\{)\{|(\})\}|([^{}]+)|\{([a-z][a-z0-9_]*)\}', 'g')
    loop
        if piece[4] is null then
            made := made || coalesce(piece[1], piece[2], piece[3]);
        elsif jsonb_typeof(given -> piece[4]) = 'string' then
            made := made || (given ->> piece[4]);
        elsif given ? piece[4] then
            made := made || (given -> piece[4])::text;
        else
            raise exception 'the payload has no field "%", which the dedupe key of task "%" is made of', piece[4], declared.key
                using errcode = 'invalid_parameter_value';
        end if;
    end loop;
    return made;
end
$$;

-- For people and other languages:  select pgconductor.invoke('send_email', '{"to": "a@b.c"}', delay => '5 minutes');
create function {{ schema }}.invoke(
    task       text,
    payload    jsonb       default '{}',
    priority   integer     default null,   -- null: the task's own
    delay      interval    default null,
    run_at     timestamptz default null,
    dedupe_key text        default null,   -- null: what the task declares
    throttle   interval    default null,
    debounce   interval    default null,
    tags       text[]      default null,
    id         uuid        default null
) returns uuid
    language plpgsql
as $$
declare
    declared {{ schema }}.tasks;
begin
    if delay is not null and run_at is not null then
        raise exception 'delay and run_at exclude each other' using errcode = 'invalid_parameter_value';
    end if;
    if delay < interval '0' then
        raise exception 'a delay cannot be negative: %', delay using errcode = 'invalid_parameter_value';
    end if;
    if not isfinite(run_at) then
        raise exception 'run_at must be a moment, not %', run_at using errcode = 'invalid_parameter_value';
    end if;
    if priority not between -100 and 100 then
        raise exception 'priority must be between -100 and 100, not %', priority using errcode = 'invalid_parameter_value';
    end if;
    if jsonb_typeof(payload) is distinct from 'object' then
        raise exception 'a payload is a JSON object, not %', coalesce(jsonb_typeof(payload), 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    if invoke.id is not null and exists (select from {{ schema }}.known(array[invoke.id])) then
        return invoke.id;
    end if;
    select * into declared from {{ schema }}.tasks where key = invoke.task;
    return {{ schema }}.enqueue(
        coalesce(invoke.id, {{ schema }}.uuid7()), invoke.task, payload::json, declared.version,
        coalesce(invoke.priority, declared.priority)::smallint,
        coalesce(invoke.run_at, {{ schema }}.clock() + delay),
        coalesce(invoke.dedupe_key, {{ schema }}.declared_key(declared, payload)), invoke.throttle, invoke.debounce, invoke.tags);
end
$$;

-- Cancel one execution, and with it the children that it waits for. True: it will never complete. False: it has ended, or
-- there is none. What is not running ends at once; a running one is asked, and its worker settles it as cancelled.
create function {{ schema }}.cancel(execution_id uuid, reason text default 'cancelled') returns boolean
    language plpgsql
as $$
declare
    now_at timestamptz := {{ schema }}.clock();
    parent uuid;
    child  uuid;
begin
    -- Nobody may have run workers, who see to it, for days.
    if to_regclass('{{ schema }}.finished_' || to_char(now_at at time zone 'UTC', 'YYYYMMDD')) is null then
        perform {{ schema }}.create_history(1);
    end if;
    -- A row can move between two of these statements, but only so often: three rounds outlast any one move.
    for round in 1 .. 3 loop
        with gone as (
            delete from {{ schema }}.ready where id = execution_id returning *
        ), parked as (
            delete from {{ schema }}.waiting where id = execution_id
            returning id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step
        ), delayed as (
            delete from {{ schema }}.scheduled where id = execution_id returning *
        )
        insert into {{ schema }}.finished
            (id, run_at, created_at, finished_at, attempts, priority, version, state, queue, task, payload, error, tags, dedupe_key,
             parent_id, parent_step)
        select id, run_at, created_at, now_at, attempts, priority, version, 'cancelled', queue, task, payload,
               json_build_object('type', 'Cancelled', 'message', reason), tags, dedupe_key, parent_id, parent_step
        from (
            select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step
            from gone
            union all select * from parked
            union all
            select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step
            from delayed
        ) as stopped
        returning parent_id into parent;
        if found then
            if parent is not null then
                perform pg_notify('{{ schema }}', 'resume');  -- not here: its parent's rows are locked before its own
            end if;
            exit;
        end if;
        update {{ schema }}.running set cancel_reason = coalesce(cancel_reason, reason) where id = execution_id;
        if found then
            perform pg_notify('{{ schema }}', 'cancel');
            exit;
        end if;
        if round = 3 or exists (select from {{ schema }}.finished where id = execution_id) then
            return false;
        end if;
    end loop;
    for child in
        select unnest(children) from {{ schema }}.steps as s
        where s.execution_id = cancel.execution_id and s.state = 'waiting' and s.children is not null
        order by 1
    loop
        perform {{ schema }}.cancel(child, 'its parent was cancelled: ' || reason);
    end loop;
    return true;
end
$$;
