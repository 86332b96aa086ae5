"""Durable background work for Python on nothing but Postgres."""

__version__ = "0.1.0"
