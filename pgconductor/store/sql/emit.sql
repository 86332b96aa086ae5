-- Tell everybody who waits for an event. The event's id.
select {schema}.emit(%(event)s::text, %(payload)s::jsonb, %(id)s::uuid)
