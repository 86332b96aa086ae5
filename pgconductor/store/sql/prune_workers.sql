-- Workers that stopped beating a day ago and hold nothing.
delete from {schema}.workers as w
where expires_at < (select {schema}.clock()) - interval '1 day'
  and process <> %(process)s::uuid  -- one that slept for a day beats again, and goes on
  and not exists (select from {schema}.running as r where r.worker = w.id)
