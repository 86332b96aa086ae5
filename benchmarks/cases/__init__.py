"""The figures, by subject. Each module's `cases` are functions of a `Bench` that yield `Figure`s."""
