-- Executions that other executions decide about: by a supplied id, a dedupe key, a throttle or a debounce slot.
-- Ids are locked first; then items take their keys in the order they are sent in, which must be the same everywhere.
-- One row an item, in that order: the execution's id as bytes, null when it was throttled.
select uuid_send(case when item.known then item.id else {schema}.enqueue(
    item.id, item.task, item.payload, item.version, item.priority,
    coalesce(item.run_at, {schema}.clock() + item.delay * interval '1 millisecond'),
    item.key, item.throttle * interval '1 millisecond', item.debounce * interval '1 millisecond',
    item.tags::text[]) end) as id
from (
    select i.id, i.payload, t.*, k.id is not null as known
    from unnest(%(ids)s::uuid[], %(payloads)s::json[], %(terms)s::int8[]) with ordinality as i (id, payload, term, position)
    join unnest(%(tasks)s::text[], %(versions)s::int2[], %(priorities)s::int2[], %(run_ats)s::timestamptz[],
                %(delays)s::int8[], %(tags)s::text[], %(keys)s::text[], %(throttles)s::int8[],
                %(debounces)s::int8[])
             with ordinality as t (task, version, priority, run_at, delay, tags, key, throttle, debounce, n)
        on t.n = i.term
    left join {schema}.known(%(supplied)s::uuid[]) as k (id) on k.id = i.id
    order by i.position
    offset 0
) as item
