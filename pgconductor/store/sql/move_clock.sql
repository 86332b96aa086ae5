select {schema}.move_clock(%(by)s::interval)
