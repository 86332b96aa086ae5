"""An indexer over real input: every source file of the running Python's standard library, one execution a file."""
