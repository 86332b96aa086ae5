"""Where the file system tells nothing, dev looks by itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import watchfiles

from pgconductor.dev import watcher
from pgconductor.dev.sources import Kind, Territory
from pgconductor.dev.watcher import Watcher
from tests.cli.project import Shop
from tests.dev.driver import Dev


# What watchfiles raises for too many folders, and for too many programs that watch (`fs.inotify.max_user_instances`).
@pytest.mark.parametrize("error", [OSError("no space left on device"), RuntimeError("too many open files")])
async def test_what_cannot_be_watched_is_polled_and_that_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async def awatch(*paths: Path, force_polling: bool | None, **options: Any) -> AsyncIterator[Any]:
        if not force_polling:
            raise error
        async for events in watchfiles.awatch(*paths, force_polling=True, **options):
            yield events

    monkeypatch.setattr(watcher, "awatch", awatch)
    changed: asyncio.Queue[dict[Path, Kind]] = asyncio.Queue()
    watching = Watcher(Territory(tmp_path, code=(tmp_path,)), changed.put_nowait)
    await watching.look()
    with caplog.at_level(logging.WARNING):
        running = asyncio.create_task(watching.run())
        try:
            for text in ("x = 1", "x = 2"):
                (tmp_path / "module.py").write_text(text)
                assert await asyncio.wait_for(changed.get(), 30) == {tmp_path / "module.py": "code"}
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
    assert caplog.text.count("files cannot be watched") == 1
    assert "looked at every 1 s" in caplog.text


def test_a_session_serves_what_was_saved_where_files_are_polled(shop: Shop, dev: Callable[..., Dev]) -> None:
    session = dev(shop, env={"WATCHFILES_FORCE_POLLING": "true"})
    session.serves()
    work = shop.folder / "shop" / "work.py"
    work.write_text(work.read_text().replace("Hello", "Salve"))
    session.wait_for("generation 2 serves default, slow: work.py changed")
