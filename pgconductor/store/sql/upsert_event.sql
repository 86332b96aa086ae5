insert into {schema}.event_types (name, keep, contract)
values (%(name)s, %(keep)s * interval '1 millisecond', %(contract)s)
on conflict (name) do update set keep = excluded.keep, contract = excluded.contract
