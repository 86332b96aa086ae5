-- Let tests move the time of this schema. Only who makes a database for a test does this: without it there is nothing here
-- that could move the time of any other.
create table {schema}.test_clock (ahead interval not null);
insert into {schema}.test_clock values ('0');

-- Not inlined, since it reads a table: it always sees the latest time, whatever the snapshot of its caller.
create or replace function {schema}.clock() returns timestamptz
    language sql volatile parallel safe
    return clock_timestamp() + (select ahead from {schema}.test_clock);

-- Time that a test makes up is nobody's silence: the leases of workers move with the clock, so a live one goes on beating
-- in time and a dead one lapses when it would have. Who looks at leases has `workers` locked: the whole statement happens
-- before the move or after it, and cannot take the new time for the age of an old beat.
create function {schema}.move_clock(by_interval interval) returns timestamptz
    language plpgsql
as $$
begin
    update {schema}.test_clock set ahead = ahead + by_interval;
    perform {schema}.create_history(14);
    lock table {schema}.workers in access exclusive mode;
    update {schema}.workers set heartbeat_at = heartbeat_at + by_interval, expires_at = expires_at + by_interval;
    update {schema}.maintenance set ran_at = '-infinity';
    perform {schema}.wake(name) from {schema}.queues;
    return {schema}.clock();
end
$$;
