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

-- Is there an execution with this id, in any state?
create function {{ schema }}.known(execution_id uuid) returns boolean
    language sql stable
    return exists (select from {{ schema }}.ready where id = execution_id)
        or exists (select from {{ schema }}.running where id = execution_id)
        or exists (select from {{ schema }}.scheduled where id = execution_id)
        or exists (select from {{ schema }}.waiting where id = execution_id)
        or exists (select from {{ schema }}.finished where id = execution_id);

-- Wake an idle worker of the queue when this transaction commits. Busy workers look by themselves, and NOTIFY takes a
-- lock of the whole cluster at commit, so nobody is notified who does not need it.
create function {{ schema }}.wake(queue_name text) returns void
    language sql volatile
begin atomic
    select pg_notify('{{ schema }}', queue_name)
    where exists (
        select from {{ schema }}.workers
        where queue = queue_name and idle and expires_at > (select {{ schema }}.clock())
    );
end;

-- Enqueue one execution under every option. Returns its id, that of the execution which holds the dedupe key, or null
-- when it was throttled. The fast path for plain enqueues is the client's own INSERT; both end in the same rows.
create function {{ schema }}.enqueue(
    execution_id  uuid,
    task_key      text,
    payload_json  json,
    payload_version smallint,
    execution_priority smallint,
    due_at        timestamptz,      -- null: now
    unique_key    text,             -- dedupe, throttle and debounce key
    throttle      interval,
    debounce      interval,
    execution_tags text[],
    parent        uuid
) returns uuid
    language plpgsql
as $$
declare
    declared {{ schema }}.tasks;
    now_at   timestamptz := {{ schema }}.clock();
    run_at   timestamptz := coalesce(due_at, now_at);
    slot_end timestamptz;
    slot     interval := coalesce(throttle, debounce);
    slot_kind text := case when throttle is not null then 'throttle' else 'debounce' end;
    slot_key text := coalesce(unique_key, '');
    holder   {{ schema }}.keys;
    pending  boolean;
    held     boolean;
begin
    select * into declared from {{ schema }}.tasks where key = task_key;
    if not found then
        raise exception 'no task with the key "%"', task_key
            using errcode = 'undefined_object', hint = 'Declare it in conductor.toml and run `pgconductor apply`.';
    end if;
    if throttle is not null and debounce is not null then
        raise exception 'throttle and debounce exclude each other' using errcode = 'invalid_parameter_value';
    end if;
    if {{ schema }}.known(execution_id) then
        return execution_id;
    end if;

    if slot is not null then
        if extract(epoch from slot) <= 0 then
            raise exception 'a throttle or debounce slot must be longer than zero' using errcode = 'invalid_parameter_value';
        end if;
        slot_end := to_timestamp((floor(extract(epoch from now_at) / extract(epoch from slot)) + 1) * extract(epoch from slot));
        loop
            insert into {{ schema }}.keys as k values (task_key, slot_kind, slot_key, execution_id, slot_end)
                on conflict (task, kind, key) do update
                    set execution_id = excluded.execution_id, expires_at = excluded.expires_at
                    where k.expires_at <= now_at;
            if found then
                exit;
            end if;
            if throttle is not null then
                return null;
            end if;
            -- debounce: the last call wins, as long as the slot's execution has not begun
            select * into holder from {{ schema }}.keys
                where (keys.task, kind, key) = (task_key, slot_kind, slot_key) for update;
            if found then
                if {{ schema }}.replace_pending(
                    holder.execution_id, declared.queue, payload_json, payload_version, execution_priority, slot_end, execution_tags
                ) then
                    return holder.execution_id;
                end if;
                update {{ schema }}.keys set execution_id = enqueue.execution_id, expires_at = slot_end
                    where (keys.task, kind, key) = (task_key, slot_kind, slot_key);
                exit;
            end if;
        end loop;
        if debounce is not null then
            run_at := slot_end;
        end if;
    elsif unique_key is not null then
        loop
            insert into {{ schema }}.keys values (task_key, 'dedupe', unique_key, execution_id, now_at + declared.dedupe_for)
                on conflict (task, kind, key) do nothing;
            if found then
                exit;
            end if;
            select * into holder from {{ schema }}.keys
                where (keys.task, kind, key) = (task_key, 'dedupe', unique_key) for update;
            continue when not found;  -- pruned meanwhile
            -- Pending means never started: not a retry, not asleep.
            pending := exists (select from {{ schema }}.ready where id = holder.execution_id and attempts = 0)
                or exists (select from {{ schema }}.scheduled where id = holder.execution_id and attempts = 0);
            held := case declared.dedupe_scope
                when 'pending' then pending
                when 'active' then pending
                    or exists (select from {{ schema }}.running where id = holder.execution_id)
                    or exists (select from {{ schema }}.scheduled where id = holder.execution_id)
                    or exists (select from {{ schema }}.ready where id = holder.execution_id)
                    or exists (select from {{ schema }}.waiting where id = holder.execution_id)
                else holder.expires_at > now_at
            end;
            if held and pending and declared.dedupe_conflict = 'replace' then
                held := {{ schema }}.replace_pending(
                    holder.execution_id, declared.queue, payload_json, payload_version, execution_priority, run_at, execution_tags);
                -- Claimed between the look and the replacement: under `pending` the key is free now, otherwise it is skipped.
                held := held or declared.dedupe_scope <> 'pending';
            end if;
            if held then
                return holder.execution_id;
            end if;
            update {{ schema }}.keys set execution_id = enqueue.execution_id, expires_at = now_at + declared.dedupe_for
                where (keys.task, kind, key) = (task_key, 'dedupe', unique_key);
            exit;
        end loop;
    end if;

    if run_at <= now_at then
        insert into {{ schema }}.ready (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key, parent_id)
            values (execution_id, run_at, now_at, execution_priority, payload_version, declared.queue, task_key, payload_json,
                    execution_tags, unique_key, parent)
            on conflict do nothing;
        perform {{ schema }}.wake(declared.queue);
    else
        insert into {{ schema }}.scheduled (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key, parent_id)
            values (execution_id, run_at, now_at, execution_priority, payload_version, declared.queue, task_key, payload_json,
                    execution_tags, unique_key, parent)
            on conflict do nothing;
    end if;
    return execution_id;
end
$$;

-- Give an execution that has not begun a new payload, priority and time. False: it has begun, or is gone.
create function {{ schema }}.replace_pending(
    execution_id uuid, queue_name text, payload_json json, payload_version smallint, new_priority smallint,
    new_run_at timestamptz, new_tags text[]
) returns boolean
    language plpgsql
as $$
declare
    old record;
begin
    delete from {{ schema }}.ready as r where r.id = execution_id and r.queue = queue_name and r.attempts = 0
        returning r.created_at, r.task, r.dedupe_key, r.parent_id into old;
    if not found then
        delete from {{ schema }}.scheduled as s where s.id = execution_id and s.queue = queue_name and s.attempts = 0
            returning s.created_at, s.task, s.dedupe_key, s.parent_id into old;
        if not found then
            return false;
        end if;
    end if;
    if new_run_at <= {{ schema }}.clock() then
        insert into {{ schema }}.ready (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key, parent_id)
            values (execution_id, new_run_at, old.created_at, new_priority, payload_version, queue_name, old.task, payload_json,
                    new_tags, old.dedupe_key, old.parent_id);
        perform {{ schema }}.wake(queue_name);
    else
        insert into {{ schema }}.scheduled (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key, parent_id)
            values (execution_id, new_run_at, old.created_at, new_priority, payload_version, queue_name, old.task, payload_json,
                    new_tags, old.dedupe_key, old.parent_id);
    end if;
    return true;
end
$$;

-- For people and other languages:  select pgconductor.invoke('send_email', '{"to": "a@b.c"}', delay => '5 minutes');
create function {{ schema }}.invoke(
    task       text,
    payload    jsonb       default '{}',
    priority   integer     default null,   -- null: the task's own
    delay      interval    default null,
    run_at     timestamptz default null,
    dedupe_key text        default null,
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
    if priority not between -100 and 100 then
        raise exception 'priority must be between -100 and 100, not %', priority using errcode = 'invalid_parameter_value';
    end if;
    if jsonb_typeof(payload) is distinct from 'object' then
        raise exception 'a payload is a JSON object, not %', coalesce(jsonb_typeof(payload), 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    select * into declared from {{ schema }}.tasks where key = invoke.task;
    return {{ schema }}.enqueue(
        coalesce(invoke.id, {{ schema }}.uuid7()), invoke.task, payload::json, declared.version,
        coalesce(invoke.priority, declared.priority)::smallint,
        coalesce(invoke.run_at, {{ schema }}.clock() + delay),
        invoke.dedupe_key, invoke.throttle, invoke.debounce, invoke.tags, null);
end
$$;

-- Cancel one execution. True: it will never complete. False: it has ended, or there is none.
-- What is not running ends at once; a running one is asked, and its worker settles it as cancelled.
create function {{ schema }}.cancel(execution_id uuid, reason text default 'cancelled') returns boolean
    language plpgsql
as $$
declare
    now_at timestamptz := {{ schema }}.clock();
begin
    -- A row can move between two of these statements, but only so often: three rounds outlast any one move.
    for round in 1 .. 3 loop
        with gone as (
            delete from {{ schema }}.ready where id = execution_id returning *
        ), parked as (
            delete from {{ schema }}.waiting where id = execution_id
            returning id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, error
        ), delayed as (
            delete from {{ schema }}.scheduled where id = execution_id returning *
        )
        insert into {{ schema }}.finished
            (id, run_at, created_at, finished_at, attempts, priority, version, state, queue, task, payload, error, tags, dedupe_key, parent_id)
        select id, run_at, created_at, now_at, attempts, priority, version, 'cancelled', queue, task, payload,
               json_build_object('type', 'Cancelled', 'message', reason), tags, dedupe_key, parent_id
        from (select * from gone union all select * from parked union all select * from delayed) as stopped;
        if found then
            return true;
        end if;
        update {{ schema }}.running set cancel_reason = coalesce(cancel_reason, reason) where id = execution_id;
        if found then
            perform pg_notify('{{ schema }}', 'cancel');
            return true;
        end if;
        exit when exists (select from {{ schema }}.finished where id = execution_id);
    end loop;
    return false;
end
$$;
