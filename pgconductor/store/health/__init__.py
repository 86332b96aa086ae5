"""What is well and what is not, between a project, its workers and their database."""
