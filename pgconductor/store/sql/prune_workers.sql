-- Workers that stopped beating a day ago and hold nothing.
delete from {schema}.workers as w
where expires_at < (select {schema}.clock()) - interval '1 day'
  and not exists (select from {schema}.running as r where r.worker = w.id)
