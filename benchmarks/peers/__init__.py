"""pgconductor beside its peers: the same work, one server, one run (`python -m benchmarks.peers`)."""
