-- What an idle worker asks: move what is due to ready, which lanes have work, and when is the next due?
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
        (id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, error)
    select id, run_at, created_at, attempts, priority, version, queue, task, payload, tags, dedupe_key, parent_id, error
    from moved
    returning task
)
select
    (select count(*) from promoted) as promoted,
    (select extract(epoch from min(run_at) - {{ schema }}.clock())::float8
     from {{ scheduled }} where run_at > (select {{ schema }}.clock())) as next_due,
    array_remove(array[
{%- for lane in lanes %}
        case when exists (
            select from {{ ready }} where {% if lane.predicate %}{{ lane.predicate }} and {% endif %}{{ lane.readable }}
        ) or exists (select from promoted{% if lane.predicate %} where {{ lane.predicate }}{% endif %}) then {{ loop.index0 }} end
{%- if not loop.last %},{% endif %}
{%- endfor %}
    ], null)::int[] as ready_lanes,
    (select paused from {{ schema }}.queues where name = {{ queue | literal }}) as paused
