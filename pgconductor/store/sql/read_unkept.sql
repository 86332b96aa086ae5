-- The tasks of whose completed executions no trace is kept.
select queue, key from {schema}.tasks where keep_completed = '0' order by key
