"""Where the database is: the plan's own, or the one that the caller names instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.endpoint import hide_password, open_endpoint
from pgconductor.store.session import open_blocking
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


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://app:sesame@db/app",
        "jdbc:postgresql://app:sesame@db/app",
        '"postgresql://app:sesame@db/app"',
        "postgresql://ACME/app:sesame@db/app",
        "host=db password=sesame://sesame",
        "postgresql://app:open@sesame@db/app",
    ],
    ids=["driver", "jdbc", "quoted", "domain", "keywords", "at"],
)
def test_no_form_of_a_connection_string_shows_its_password(url: str) -> None:
    assert "sesame" not in hide_password(url)


def test_the_default_connection_is_called_by_where_it_comes_from() -> None:
    assert hide_password("") == "(what the PG* variables say)"


@pytest.mark.parametrize(
    "url", ["postgresql://app:open@sesame@127.0.0.1:1/app", "postgresql://app:sesame@127.0.0.1:1/app?connect_timeout=x"]
)
def test_what_could_not_be_used_is_no_connection_string(url: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="is no connection string") as refused:
        open_blocking(url, "test")
    assert "sesame" not in str(refused.value)
