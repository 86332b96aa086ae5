-- The waits for events that nothing has answered yet.
select execution_id, name, target, match from {schema}.steps
where state = 'waiting' and kind = 'event' order by execution_id, name
