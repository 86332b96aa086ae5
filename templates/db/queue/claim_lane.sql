-- At most %(lane_limit)s of this task run at any instant: each holds a slot, and slot_{{ running_name }} makes slots unique.
-- The advisory lock only keeps claimers from guessing the same slots; correctness does not rest on it.
with gate as materialized (
    select pg_try_advisory_xact_lock(hashtextextended({{ lock | literal }}, 0)) as open
), free as materialized (
    select array(
        select slot from generate_series(1, %(lane_limit)s::int) as slot
        where (select open from gate)
          and not exists (select from {{ running }} as r where r.task = {{ task | literal }} and r.slot = slot.slot)
        order by slot
        limit least(
            %(limit)s::int,
            -- By the slots, which have an index: a scan of all that runs here would be paid for by every claim.
            greatest(0, %(lane_limit)s::int - (
                select count(*) from {{ running }} where task = {{ task | literal }} and slot is not null))
        )
    ) as slots
), locked as materialized (
    select ctid, *
    from {{ ready }}
    where {{ predicate }}
      and {{ readable }}
      and (select not paused from {{ schema }}.queues where name = {{ queue | literal }})
      and (select expires_at > {{ schema }}.clock() from {{ schema }}.workers where id = %(worker)s::bigint)
    order by -priority, run_at, id
    limit (select cardinality(slots) from free)
    for update skip locked
), next as materialized (
    select *, row_number() over (order by -priority, run_at, id) as n from locked
), held as (
    insert into {{ running }}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error, worker, lease, slot, started_at)
    select id, run_at, created_at, attempts + 1, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error, %(worker)s::bigint, %(lease)s::bigint, (select slots from free)[n], (select {{ schema }}.clock())
    from next
    on conflict do nothing
    returning id
), taken as (
    delete from {{ ready }}
    where ctid = any (array(select ctid from next where id = any (array(select id from held))))
    returning *
)
-- Ids and times as bytes: the worker hands them back as they came.
select uuid_send(id), task, version, attempts + 1 as attempt, payload::text, priority, timestamptz_send(run_at),
       parent_step is not null as is_child, has_steps
from taken
order by -priority, run_at, id
