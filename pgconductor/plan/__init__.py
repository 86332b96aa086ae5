"""What runs: the compiled plan and its canonical JSON."""
