select {schema}.recheck(%(ids)s::uuid[], %(names)s::text[])
