select q.name,
       array(select w.plan from {schema}.workers as w
             where w.queue = q.name and w.expires_at > {schema}.clock()) as worker_plans,
       (select count(*) from {schema}.ready as r where r.queue = q.name) as ready,
       (select count(*) from {schema}.scheduled as r where r.queue = q.name) as scheduled,
       (select count(*) from {schema}.running as r where r.queue = q.name) as running,
       (select count(*) from {schema}.waiting as r where r.queue = q.name) as waiting
from {schema}.queues as q
where q.name = any (%(names)s)
