update {schema}.workers set draining = true, idle = false where process = %(process)s::uuid
