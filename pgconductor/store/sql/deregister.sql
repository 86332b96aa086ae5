-- A worker leaves. Whatever it still holds is rescued like that of a lapsed one.
delete from {schema}.workers where process = %(process)s::uuid
