select name, (extract(epoch from keep) * 1000)::bigint as keep, contract from {schema}.event_types
