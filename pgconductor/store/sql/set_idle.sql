update {schema}.workers set idle = %(idle)s where id = %(worker)s::bigint and idle is distinct from %(idle)s
