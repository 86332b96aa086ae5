-- The time here, and the size of the one table of states that is not split by queue.
select {schema}.clock(),
       pg_relation_size('{schema}.waiting'::regclass) / current_setting('block_size')::int as waiting_pages
