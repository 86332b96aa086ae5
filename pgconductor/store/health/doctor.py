"""All checks in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg

from pgconductor.plan.model import Plan
from pgconductor.store.endpoint import Endpoint
from pgconductor.store.faults import explain, is_lost
from pgconductor.store.health import link, schema, server, storage, work
from pgconductor.store.health.finding import Finding
from pgconductor.store.query import AnyConnection
from pgconductor.store.session import open_blocking, unreachable


def examine(endpoint: Endpoint, plan: Plan) -> Iterator[Finding]:
    """Look at everything; nothing is changed.

    Raises:
        DatabaseUnreachable: there is nothing to look at.
    """
    with open_blocking(endpoint.url, "pgconductor doctor") as connection:
        checks: dict[str, Callable[[], Iterator[Finding]]] = {
            "server": lambda: server.examine(server.read_server(connection, plan.schema_name), plan),
            "link": lambda: link.examine(connection, endpoint),
            "schema": lambda: schema.examine(connection, endpoint.listen_url or endpoint.url, plan),
            "storage": lambda: storage.examine(connection, plan.schema_name),
            "work": lambda: work.examine(connection, plan),
        }
        broken = False
        for name, check in checks.items():
            if broken and name == "work":
                return  # without its tables there is no more to say
            try:
                for finding in check():
                    broken = broken or (finding.check == "schema" and finding.wrong)
                    yield finding
            except psycopg.Error as error:
                yield _unchecked(name, connection, error, endpoint)


def _unchecked(name: str, connection: AnyConnection, error: psycopg.Error, endpoint: Endpoint) -> Finding:
    if is_lost(connection, error):
        raise unreachable(endpoint.url, error) from None
    return Finding(name, "warning", f"could not be checked: {explain(error)}", "grant this role what it lacks")
