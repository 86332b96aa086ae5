-- Events that were emitted, for as long as their retention says.
create table {{ schema }}.events (
    id         uuid        primary key,
    name       text        not null,
    payload    jsonb       not null,
    emitted_at timestamptz not null,
    expires_at timestamptz not null
);
create index expiry_events on {{ schema }}.events (expires_at);

-- What `emit` needs to know of an event; the newest apply wins.
create table {{ schema }}.event_types (
    name       text     primary key,
    keep       interval not null,
    contract   text     not null
);

-- Tell everybody who waits for this event, in the caller's transaction:
--     select pgconductor.emit('order.paid', '{"order_id": 7}')
-- Returns the event's id. Those who begin to wait later do not hear of it.
create function {{ schema }}.emit(event text, payload jsonb default '{}', id uuid default null) returns uuid
    language plpgsql
as $$
declare
    declared  {{ schema }}.event_types;
    event_id  uuid := coalesce(emit.id, {{ schema }}.uuid7());
    key_set   text[];
    resolved  uuid[];
begin
    select * into declared from {{ schema }}.event_types where name = emit.event;
    if not found then
        raise exception 'no event "%"', emit.event
            using errcode = 'undefined_object', hint = 'Declare it in conductor.toml and run `pgconductor apply`.';
    end if;
    if jsonb_typeof(emit.payload) is distinct from 'object' then
        raise exception 'a payload is a JSON object, not %', coalesce(jsonb_typeof(emit.payload), 'null')
            using errcode = 'invalid_parameter_value';
    end if;
    if declared.keep > interval '0' then
        insert into {{ schema }}.events values (event_id, emit.event, emit.payload, {{ schema }}.clock(), {{ schema }}.clock() + declared.keep)
            on conflict do nothing;
        if not found then
            return event_id;  -- the same emit again
        end if;
    end if;
    -- Waits differ in the fields that they match: one look into the index for each such set of fields, however many wait.
    select s.keys into key_set from {{ schema }}.steps as s
        where s.target = emit.event and s.state = 'waiting' and s.kind = 'event' order by s.keys limit 1;
    while found loop
        with hit as materialized (
            select s.execution_id, s.name from {{ schema }}.steps as s
            where s.target = emit.event and s.state = 'waiting' and s.kind = 'event' and s.keys = key_set
              and s.match = (select coalesce(jsonb_object_agg(k, emit.payload -> k), '{}') from unnest(key_set) as k where emit.payload ? k)
            order by s.execution_id, s.name
            for update
        ), told as (
            update {{ schema }}.steps as s set state = 'done', result = emit.payload::json, finished_at = {{ schema }}.clock()
            from hit where s.execution_id = hit.execution_id and s.name = hit.name and s.state = 'waiting'
            returning s.execution_id
        )
        select array_agg(execution_id) into resolved from told;
        if resolved is not null then
            perform {{ schema }}.awaken(resolved);
        end if;
        select s.keys into key_set from {{ schema }}.steps as s
            where s.target = emit.event and s.state = 'waiting' and s.kind = 'event' and s.keys > key_set
            order by s.keys limit 1;
    end loop;
    return event_id;
end
$$;
