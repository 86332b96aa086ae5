-- When maintenance last ran, and whether tomorrow has a place in the history.
select extract(epoch from {schema}.clock() - (select ran_at from {schema}.maintenance where job = 'rescue'
                                              and isfinite(ran_at)))::float8 as rescued_ago,
       to_regclass('{schema}.finished_' || to_char({schema}.clock() at time zone 'UTC' + interval '1 day', 'YYYYMMDD'))
           is not null as has_tomorrow
