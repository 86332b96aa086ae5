create schema if not exists {schema};
create table if not exists {schema}.migrations (
    number     integer     primary key,
    name       text        not null,
    applied_at timestamptz not null default clock_timestamp()
);
create table if not exists {schema}.application (
    name       text        primary key,
    created_at timestamptz not null default clock_timestamp()
);
