"""`pgconductor dev`: on every save what runs follows what is written, and no work is lost on the way.

sources, watcher, workspace -> what is written        project -> config, plan, generated files
change -> what it takes to go from the one to the other        wanted, session -> the loop over all of it
spares, member, generation, lineage -> what runs        order, channel, worker -> the same from within
database, outage -> Postgres        records, frames, failures, announcement, front -> what a person sees
"""
