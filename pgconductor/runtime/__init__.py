"""What runs the plan: orchestrator, workers, and the threads that keep them alive."""
