"""Connection strings as they may be printed."""

from __future__ import annotations

import pytest

from pgconductor.errors import DatabaseUnreachable
from pgconductor.store.endpoint import hide_password
from pgconductor.store.session import open_blocking, open_session


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://app:sesame@db/app", "postgresql://app:***@db/app"),
        ("postgres://app:sesame@db:1,other:2/app?a=b", "postgres://app:***@db:1,other:2/app?a=b"),
        ("postgresql://app@db/app", "postgresql://app@db/app"),
        ("postgresql:///app?host=/run", "postgresql:///app?host=/run"),
        ("postgresql://app@db/app?password=sesame&a=b", "postgresql://app@db/app?password=***&a=b"),
        ("postgresql://app:sesame@db/app?sslpassword=sesame", "postgresql://app:***@db/app?sslpassword=***"),
        ("postgresql://app:ses@sesame@db/app", "postgresql://app:***@db/app"),
        ("postgresql://app:ses/ses?ame:sesame@db/app", "postgresql://app:***@db/app"),
        ("postgresql://:sesame@db/app", "postgresql://:***@db/app"),
        ("postgresql://app:sesame@db:port/app", "postgresql://app:***@db:port/app"),
        ("host=db user=app password=sesame", "user=app password=*** host=db"),
        ("host=db password='ses ame'", "password=*** host=db"),
        ("host=db", "host=db"),
        ("host db password sesame", "(an invalid connection string)"),
    ],
)  # fmt: skip
def test_no_secret_is_shown_and_the_rest_is(url: str, shown: str) -> None:
    assert hide_password(url) == shown


@pytest.mark.parametrize("url", ["nonsense sesame", "postgresql://app:sesame@127.0.0.1:1/app?sesame=1"])
async def test_what_is_no_connection_string_is_an_error_of_ours(url: str) -> None:
    with pytest.raises(DatabaseUnreachable, match="is no connection string") as blocking:
        open_blocking(url, "test")
    with pytest.raises(DatabaseUnreachable, match="is no connection string") as running:
        await open_session(url, "test")
    assert "app:sesame" not in str(blocking.value) + str(running.value)
