"""`python -m pgconductor`."""

from pgconductor.cli.main import main

main()
