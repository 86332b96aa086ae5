"""Measurements of pgconductor against its ceilings (`make bench`) and its peers (`make bench-peers`)."""
