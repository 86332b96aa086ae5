-- Take a maintenance job if it is due: the row lock makes one process at a time its leader, through any pooler.
update {schema}.maintenance set ran_at = (select {schema}.clock())
where job = (
    select job from {schema}.maintenance
    where job = %(job)s and ran_at <= (select {schema}.clock()) - %(every_ms)s * interval '1 millisecond'
    for update skip locked
)
returning job
