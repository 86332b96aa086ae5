-- What a drain of these queues still has before it: what could be claimed now, and what is running.
select (select count(*) from {schema}.ready as r where r.queue = any (queues.names))
     + (select count(*) from {schema}.running as r where r.queue = any (queues.names))
     + (select count(*) from {schema}.scheduled as r where r.queue = any (queues.names) and r.run_at <= {schema}.clock())
from (select array(select q.name from {schema}.queues as q
                   where q.name = any (%(queues)s) and not q.paused) as names) as queues
