"""Where the database is: the plan's own, or the one that the caller names instead."""

from __future__ import annotations

from pathlib import Path

from pgconductor.store.endpoint import open_endpoint
from tests.plans import make_plan, task

POOLED, DIRECT, OTHER = "postgresql://pooler/app", "postgresql://db/app", "postgresql://elsewhere/app"


def test_the_plans_listen_url_leads_to_the_plans_database_only(tmp_path: Path) -> None:
    plan = make_plan(task("nothing"), database={"url": POOLED, "listen_url": DIRECT})
    with open_endpoint(plan, tmp_path) as endpoint:
        assert (endpoint.url, endpoint.listen_url) == (POOLED, DIRECT)
    with open_endpoint(plan, tmp_path, url=OTHER) as endpoint:
        assert (endpoint.url, endpoint.listen_url) == (OTHER, None)


def test_placeholders_are_expanded_when_it_is_opened(tmp_path: Path) -> None:
    plan = make_plan(task("nothing"), database={"url": "${PRIMARY}", "listen_url": "${DIRECT:-" + DIRECT + "}"})
    with open_endpoint(plan, tmp_path, environ={"PRIMARY": POOLED}) as endpoint:
        assert (endpoint.url, endpoint.listen_url) == (POOLED, DIRECT)
