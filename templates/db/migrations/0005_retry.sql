-- Take a failed or cancelled execution back: it is ready again, as if it had not been attempted, and keeps the steps that
-- are done. Returns null when it is, '' when it is neither failed nor cancelled, and otherwise why it cannot be.
--
-- Forgotten are the call that failed its last attempt by waiting in vain; of a cancelled one the waits that the
-- cancellation ended; and with `from_step` that step and all that come after it. Lock order: finished, steps of the
-- parent, keys, its own steps, then what the cancellation of orphaned children takes.
create function {{ schema }}.try_retry(execution_id uuid, from_step text default null) returns text
    language plpgsql
as $$
declare
    ended     {{ schema }}.finished;
    declared  {{ schema }}.tasks;
    counted   {{ schema }}.steps;      -- the step of the parent that waits for it still
    first     {{ schema }}.steps;
    forgotten text[];
    stale     uuid[];
    child     uuid;
    problem   text;
    crowded   boolean := false;
begin
    select * into ended from {{ schema }}.finished where id = try_retry.execution_id and state in ('failed', 'cancelled') for update;
    if not found then
        return '';
    end if;
    select * into declared from {{ schema }}.tasks where key = ended.task;
    if not exists (select from {{ schema }}.queues where name = declared.queue) then
        return format('its queue "%s" is gone', coalesce(declared.queue, ended.queue));
    end if;
    if from_step is not null then
        select * into first from {{ schema }}.steps as s where s.execution_id = ended.id and s.name = from_step;
        if not found then
            return format('it has no step "%s"; ', from_step) || coalesce((
                select 'there are ' || string_agg(format('"%s"', s.name), ', ' order by s.position, s.started_at)
                from {{ schema }}.steps as s where s.execution_id = ended.id), 'it has none');
        end if;
    end if;
    if ended.parent_step is not null then
        -- One that was created before the step belongs to an earlier call by the same name: nobody waits for it.
        select * into counted from {{ schema }}.steps as s
            where s.execution_id = ended.parent_id and s.name = ended.parent_step and s.started_at <= ended.created_at
            for update;
        if counted.state = 'done' and {{ schema }}.is_live(ended.parent_id) then
            return format('its parent %s goes on with what became of it; retry it when that has ended', ended.parent_id);
        end if;
    end if;
    problem := {{ schema }}.claim_key_again(declared, ended.id, ended.dedupe_key);
    if problem is not null then
        return problem;
    end if;
    if counted.state = 'waiting' then
        update {{ schema }}.steps as s set pending = s.pending + 1
            where s.execution_id = ended.parent_id and s.name = ended.parent_step;
        crowded := coalesce(counted.max_parallel <= counted.pending - (
            select count(*) from {{ schema }}.waiting as w
            where w.parent_id = ended.parent_id and w.parent_step = ended.parent_step and w.held), false);
    end if;

    with gone as (
        delete from {{ schema }}.steps as s
        where s.execution_id = ended.id
          and ((s.position, s.started_at) >= (first.position, first.started_at)
               or s.name = ended.error ->> 'step'
               or ended.state = 'cancelled' and s.kind in ('invoke', 'map', 'event')
                  and (s.state = 'waiting' or s.finished_at >= ended.finished_at or {{ schema }}.ended_with_parent(s.children, s.started_at)))
        returning s.name, s.position, s.started_at, s.state, s.children
    )
    select array_agg(name order by position, started_at),
           (select array_agg(id order by id) from gone as g cross join unnest(g.children) as id where g.state = 'waiting')
        into forgotten, stale from gone;
    delete from {{ schema }}.finished as f where f.id = ended.id and f.finished_at = ended.finished_at;
    insert into {{ schema }}.history (execution_id, at, attempt, kind, started_at, detail) values
        (ended.id, ended.finished_at, ended.attempts, ended.state, ended.started_at, coalesce(ended.error, '{}')),
        (ended.id, {{ schema }}.clock(), ended.attempts, 'retried', null,
         json_build_object('from_step', from_step, 'forgotten', to_json(coalesce(forgotten, '{}'))));
    perform {{ schema }}.put_back(ended, declared.queue, crowded);
    foreach child in array coalesce(stale, '{}') loop
        perform {{ schema }}.cancel(child, 'its parent was retried from before it');
    end loop;
    return null;
end
$$;

-- For people and other languages:  select pgconductor.retry('019b...');  True: it will run again. False: it is neither
-- failed nor cancelled.
create function {{ schema }}.retry(execution_id uuid, from_step text default null) returns boolean
    language plpgsql
as $$
declare
    problem text := {{ schema }}.try_retry(execution_id, from_step);
begin
    if problem <> '' then
        raise exception 'execution % cannot be retried: %', execution_id, problem using errcode = 'invalid_parameter_value';
    end if;
    return problem is null;
end
$$;

-- Was one of these children cancelled because its parent was? One that its parent awaited while it ran ends before it.
create function {{ schema }}.ended_with_parent(children uuid[], since timestamptz) returns boolean
    language plpgsql stable
as $$
begin
    return exists (
        select from unnest(children) as child (id)
        join {{ schema }}.finished as f on f.id between child.id and child.id and f.finished_at >= since
        where f.state = 'cancelled' and f.error ->> 'message' like 'its parent was cancelled: %');
end
$$;

-- Take the dedupe key of an execution that ended. Null: it has it, or needs none. Otherwise why not.
create function {{ schema }}.claim_key_again(declared {{ schema }}.tasks, execution_id uuid, unique_key text) returns text
    language plpgsql
as $$
declare
    holder {{ schema }}.keys;
    expiry timestamptz := {{ schema }}.clock() + declared.dedupe_for;
begin
    -- The key of a throttle or a debounce was good for one slot.
    if unique_key is null or exists (
        select from {{ schema }}.keys as k
        where k.task = declared.key and k.kind <> 'dedupe' and k.key = unique_key and k.execution_id = claim_key_again.execution_id
    ) then
        return null;
    end if;
    holder := {{ schema }}.take_key(declared.key, 'dedupe', unique_key, execution_id, expiry);
    if holder.execution_id <> claim_key_again.execution_id
       and {{ schema }}.keeps_key(declared.dedupe_scope, holder, {{ schema }}.lock_pending(holder.execution_id)) then
        return format('execution %s has its dedupe key "%s" by now; cancel that first', holder.execution_id, unique_key);
    elsif holder.execution_id is not null then
        update {{ schema }}.keys as k set execution_id = claim_key_again.execution_id, expires_at = expiry
            where k.task = declared.key and k.kind = 'dedupe' and k.key = unique_key;
    end if;
    return null;
end
$$;

-- The row of an execution that ended, as one that has not been attempted; `crowded`: its parent's max_parallel holds it back.
-- has_steps, whether or not any are left: it has a history, which a task that keeps nothing must not leave behind.
create function {{ schema }}.put_back(ended {{ schema }}.finished, queue_name text, crowded boolean) returns void
    language plpgsql
as $$
declare
    failure json := case when ended.state = 'failed' then ended.error end;
    now_at timestamptz := {{ schema }}.clock();
begin
    if crowded then
        insert into {{ schema }}.waiting
            (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step, has_steps,
             error, since, held)
            values (ended.id, now_at, ended.created_at, ended.priority, ended.version, queue_name, ended.task, ended.payload,
                    ended.tags, ended.dedupe_key, ended.parent_id, ended.parent_step, true, failure, now_at, true);
        return;
    end if;
    insert into {{ schema }}.ready
        (id, run_at, created_at, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step, has_steps, error)
        values (ended.id, now_at, ended.created_at, ended.priority, ended.version, queue_name, ended.task, ended.payload,
                ended.tags, ended.dedupe_key, ended.parent_id, ended.parent_step, true, failure);
    perform {{ schema }}.wake(queue_name);
end
$$;
