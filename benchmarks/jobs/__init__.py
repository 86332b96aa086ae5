"""The application that is measured: its handlers, and what `pgconductor generate` made of conductor.toml."""
