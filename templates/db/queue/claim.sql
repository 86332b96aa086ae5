with next as materialized (
    select ctid
    from {{ ready }}
    where {% if predicate %}{{ predicate }}
      and {% endif %}{{ readable }}
      -- The floor: where the last claim ended. Under a long transaction elsewhere the dead rows before it stay in the index.
      and (-priority, run_at, id) > (%(floor_rank)s::int, %(floor_run_at)s::timestamptz, %(floor_id)s::uuid)
      and (select not paused from {{ schema }}.queues where name = {{ queue | literal }})
      and (select expires_at > {{ schema }}.clock() from {{ schema }}.workers where id = %(worker)s::bigint)
    order by -priority, run_at, id
    limit %(limit)s::int
    for update skip locked
), taken as (
    delete from {{ ready }} where ctid = any (array(select ctid from next)) returning *
), held as (
    insert into {{ running }}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error, worker, lease, started_at)
    select id, run_at, created_at, attempts + 1, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error, %(worker)s::bigint, %(lease)s::bigint, (select {{ schema }}.clock())
    from taken
)
-- Ids and times as bytes: the worker hands them back as they came.
select uuid_send(id), task, version, attempts + 1 as attempt, payload::text, priority, timestamptz_send(run_at),
       parent_step is not null as is_child, has_steps
from taken
order by -priority, run_at, id
