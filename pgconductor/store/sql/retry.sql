-- Null: it is ready again. '': it is neither failed nor cancelled. Otherwise why it cannot be.
select {schema}.try_retry(%(id)s, %(from_step)s::text)
