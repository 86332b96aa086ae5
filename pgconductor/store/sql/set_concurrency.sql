update {schema}.workers set concurrency = %(concurrency)s where process = %(process)s::uuid and queue = %(queue)s
