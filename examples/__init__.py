"""Examples that `conductor.toml` of this repository declares."""
