"""What generated stubs instantiate and handlers receive: tasks, contexts, events, models, options."""
