"""`pgconductor dev`: on every save what runs follows what is written, and no work is lost on the way.

sources, watcher -> what changed          project -> config, plan, generated files          change -> what it takes
generation, member -> worker processes of one plan          worker, channel -> the same from within
session -> the loop over all of it
"""
