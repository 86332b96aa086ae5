-- What an idle worker asks: move what is due to ready, end the waits whose time is up, which lanes have work, when is the
-- next due, and did children end that their parents have not counted?
with due as materialized (
    select ctid from {{ scheduled }}
    where run_at <= (select {{ schema }}.clock())
    order by run_at
    limit %(limit)s::int
    for update skip locked
), moved as (
    delete from {{ scheduled }} where ctid = any (array(select ctid from due)) returning *
), promoted as (
    insert into {{ ready }}
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error)
    select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, parent_step,
         has_steps, error
    from moved
    returning task
)
select
    (select count(*) from promoted) as promoted,
    case when exists (
        select from {{ schema }}.waiting where queue = {{ queue | literal }} and wake_at <= (select {{ schema }}.clock())
    ) then {{ schema }}.expire_waits({{ queue | literal }}, %(limit)s::int) else 0 end as expired,
    exists (select from {{ schema }}.ended_children) as children_ended,
    extract(epoch from least(
        (select min(run_at) from {{ scheduled }} where run_at > (select {{ schema }}.clock())),
        (select min(wake_at) from {{ schema }}.waiting
         where queue = {{ queue | literal }} and wake_at > (select {{ schema }}.clock()))
    ) - {{ schema }}.clock())::float8 as next_due,
    array_remove(array[
{%- for lane in lanes %}
        case when exists (
            select from {{ ready }} where {% if lane.predicate %}{{ lane.predicate }} and {% endif %}{{ lane.readable }}
        ) or exists (select from promoted{% if lane.predicate %} where {{ lane.predicate }}{% endif %}) then {{ loop.index0 }} end
{%- if not loop.last %},{% endif %}
{%- endfor %}
    ], null)::int[] as ready_lanes,
    (select paused from {{ schema }}.queues where name = {{ queue | literal }}) as paused
