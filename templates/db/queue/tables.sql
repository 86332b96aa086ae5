{#- One partition a state. LIKE + CHECK, then ATTACH, takes no lock that stops a worker; PARTITION OF would. -#}
create table {{ leaf }} (
    like {{ parent }} including defaults,
    constraint queue_{{ name }} check (queue = {{ queue | literal }})
) with (
    -- Rows live for moments: vacuum soon, and never for inserts alone.
    autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_insert_threshold = -1
);
create unique index id_{{ name }} on {{ leaf }} (id);
{% if state == "scheduled" -%}
create index due_{{ name }} on {{ leaf }} (run_at);
{% elif state == "running" -%}
-- A slot of a limited task is a row that dies with its lease; no two rows can hold the same one.
create unique index slot_{{ name }} on {{ leaf }} (task, slot) where slot is not null;
-- Workers ask twice a second which of theirs should stop.
create index stopping_{{ name }} on {{ leaf }} (worker) where cancel_reason is not null;
{% endif -%}
alter table {{ parent }} attach partition {{ leaf }} for values in ({{ queue | literal }});
