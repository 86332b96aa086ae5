-- Before a batch of several kinds: lock all of its rows, by id, since each kind then goes through them anew.
select from {running} where id = any (%(ids)s::uuid[]) and worker = %(worker)s::bigint order by id for update
