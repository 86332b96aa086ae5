-- Events whose retention has passed.
delete from {schema}.events where id in (
    select id from {schema}.events where expires_at <= (select {schema}.clock()) limit %(limit)s for update skip locked
)
