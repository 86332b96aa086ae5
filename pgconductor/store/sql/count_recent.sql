-- What ended within the last minute, from a page of a partition of `finished` on: rows are appended, so that the last
-- pages have the newest. `first` says how far back they reach.
select queue, task, state, count(*) filter (where finished_at > (select {schema}.clock()) - interval '1 minute'),
       min(finished_at) as first
from {history}
where ctid >= %(from_page)s::text::tid
group by queue, task, state
