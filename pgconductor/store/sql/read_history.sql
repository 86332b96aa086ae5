-- The partitions of `finished` that the time since a moment lies in, the newest first, with their size in pages; and whether
-- rows are pruned within the day that they are written, so that new ones take the place of old ones.
select c.relname, pg_relation_size(c.oid) / current_setting('block_size')::int as pages,
       exists (select from {schema}.tasks
               where least(nullif(keep_completed, '0'), nullif(keep_failed, '0'), nullif(keep_cancelled, '0')) < '1 day') as reused
from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
where i.inhparent = '{schema}.finished'::regclass
  and c.relname between
      'finished_' || to_char(%(since)s::timestamptz at time zone 'UTC', 'YYYYMMDD')
      and 'finished_' || to_char({schema}.clock() at time zone 'UTC', 'YYYYMMDD')
order by c.relname desc
