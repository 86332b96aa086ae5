"""Workers inside an ASGI application, driven by its protocol."""

from __future__ import annotations

import json

from tests.examples.conftest import Run

SERVE = """
import asyncio, json, sys
from examples.asgi.app import app

async def request(state, method, path):
    sent = []
    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}
    async def send(message):
        sent.append(message)
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [], "state": dict(state), "http_version": "1.1", "scheme": "http", "server": ("test", 80)}
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent[1:]))

async def main():
    state, inbox, outbox = {}, asyncio.Queue(), asyncio.Queue()
    lifespan = asyncio.create_task(app({"type": "lifespan", "state": state}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    started = await outbox.get()
    assert started["type"] == "lifespan.startup.complete", started
    status, made = await request(state, "POST", "/reports")
    answers = [status, await request(state, "GET", f"/reports/{made['id']}")]
    await inbox.put({"type": "lifespan.shutdown"})
    stopped = await outbox.get()
    await lifespan
    print(json.dumps([*answers, stopped["type"]]))

asyncio.run(main())
"""


def test_the_orchestrator_lives_as_long_as_the_application(run: Run) -> None:
    accepted, (status, report), stopped = json.loads(run("-c", SERVE).stdout)
    assert accepted == 202
    assert (status, report) == (200, {"orders": 0, "books": 0, "revenue": "0"})
    assert stopped == "lifespan.shutdown.complete"
