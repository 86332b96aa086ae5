"""An application as generate and a user would make it: tasks, and handlers that write what they do into a ledger."""
