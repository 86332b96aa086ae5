select {schema}.move_clock(%(until)s::timestamptz - {schema}.clock())
