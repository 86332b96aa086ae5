-- Many executions of one task under the same options, due now: 4 us a row, next to the bare insert.
with added as (
    insert into {ready} (id, run_at, created_at, priority, version, queue, task, payload, tags)
    select item.id, moment.now, moment.now, %(priority)s::int2, %(version)s::int2, %(queue)s::text, %(task)s::text,
           item.payload, %(tags)s::text[]
    from (select {schema}.clock() as now offset 0) as moment,
         unnest(%(ids)s::uuid[], %(payloads)s::json[]) as item (id, payload)
)
select {schema}.wake(%(queue)s::text)
