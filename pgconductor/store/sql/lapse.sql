-- All workers are dead: let their leases end now, and whoever comes rescue what they held at once.
with lapsed as (
    update {schema}.workers set expires_at = (select {schema}.clock()) where expires_at > (select {schema}.clock()) returning id
), due as (
    update {schema}.maintenance set ran_at = '-infinity' where job = 'rescue' returning job
)
select (select count(*) from lapsed), (select count(*) from due)
