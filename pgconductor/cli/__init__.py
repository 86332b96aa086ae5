"""The command line: verbs, output and exit codes. Everything else is wired from below."""
