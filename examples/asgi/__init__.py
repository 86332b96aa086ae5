"""Workers inside a web application."""
