"""docs/versioning.md, row by row: what an execution in flight finds in changed code."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.app import handlers, tasks
from tests.app.tasks import Work
from tests.runtime.stage import Stage

Code = Callable[[Any, list[str]], Any]


async def noted(ctx: Any, log: list[str], *names: str) -> list[str]:
    """Steps that leave their name in the log, and return it."""

    async def step(name: str) -> str:
        log.append(name)
        return name

    return [await ctx.step(name, step, name) for name in names]


async def changed(stage: Stage, before: Code, after: Code) -> tuple[UUID, list[str], list[dict[str, str]]]:
    """Run the old code until it fails, and the new code to the end: the log of both, and what the history tells."""
    log: list[str] = []

    @stage.task(retry={"max_attempts": 2})
    async def answer_order(payload: Any, ctx: Any) -> Any:
        if ctx.attempt == 1:
            await before(ctx, log)
            raise ValueError("a deploy")
        return await after(ctx, log)

    id = stage.observer.one("answer_order")
    await stage.drained()
    told = stage.observer.rows("select detail from {}.history where kind = 'changed'")
    return id, log, [row["detail"] for row in told]


async def test_an_inserted_call_runs_once_and_the_others_keep_their_results(stage: Stage) -> None:
    id, log, told = await changed(
        stage,
        lambda ctx, log: noted(ctx, log, "a", "b"),
        lambda ctx, log: noted(ctx, log, "new", "a", "between", "b", "end"),
    )
    assert (log, told) == (["a", "b", "new", "between", "end"], [])
    assert stage.observer.row(id)["result"] == ["new", "a", "between", "b", "end"]


async def test_a_removed_call_is_told_as_disappeared(stage: Stage) -> None:
    id, log, told = await changed(
        stage, lambda ctx, log: noted(ctx, log, "a", "b"), lambda ctx, log: noted(ctx, log, "b")
    )
    assert (log, told) == (["a", "b"], [{"step": "a", "change": "disappeared"}])
    assert stage.observer.row(id)["result"] == ["b"]


async def test_calls_that_change_places_keep_their_own_results(stage: Stage) -> None:
    id, log, told = await changed(
        stage, lambda ctx, log: noted(ctx, log, "a", "b"), lambda ctx, log: noted(ctx, log, "b", "a")
    )
    assert (log, told) == (["a", "b"], [{"step": "a", "change": "moved"}])
    assert stage.observer.row(id)["result"] == ["b", "a"]


async def test_a_renamed_call_is_done_again_under_its_new_name(stage: Stage) -> None:
    _, log, told = await changed(
        stage, lambda ctx, log: noted(ctx, log, "a", "b"), lambda ctx, log: noted(ctx, log, "a", "b2")
    )
    assert (log, told) == (["a", "b", "b2"], [{"step": "b", "change": "disappeared"}])


@pytest.mark.parametrize("after", ["kind", "task"])
async def test_a_name_that_means_something_else_fails_at_once(stage: Stage, after: str) -> None:
    @stage.task()
    async def child(payload: Any, ctx: Any) -> None: ...

    @stage.task()
    async def other(payload: Any, ctx: Any) -> None: ...

    async def call(ctx: Any, log: list[str]) -> None:
        await ctx.invoke("call", tasks.child, Work())

    async def call_otherwise(ctx: Any, log: list[str]) -> None:
        if after == "kind":
            await noted(ctx, log, "call")
        else:
            await ctx.invoke("call", tasks.other, Work())

    id, log, _ = await changed(stage, call, call_otherwise)
    assert (stage.observer.state(id), stage.observer.error(id)["type"], log) == ("failed", "ReplayError", [])
    assert "give the new call a new name" in stage.observer.error(id)["message"]


async def test_a_run_that_parks_does_not_speak_of_what_lies_behind(stage: Stage) -> None:
    async def after(ctx: Any, log: list[str]) -> None:
        await ctx.sleep("inserted", 0)
        await noted(ctx, log, "b")

    _, log, told = await changed(stage, lambda ctx, log: noted(ctx, log, "a", "b"), after)
    assert (log, told) == (["a", "b"], [{"step": "a", "change": "disappeared"}])


async def test_an_old_payload_is_upgraded_for_each_run_and_kept_as_it_was(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgraded: list[tuple[Any, int]] = []

    def upgrade(data: Any, version: int) -> Any:
        upgraded.append((data, version))
        return {"n": data["number"]}

    monkeypatch.setattr(handlers, "upgrade", upgrade, raising=False)

    @stage.task(version=3, upgrade="tests.app.handlers:upgrade")
    async def answer_number(payload: Any, ctx: Any) -> Any:
        await ctx.sleep("nap", 0)
        return payload.n

    id = stage.observer.one("answer_number", {"number": 7}, version=2)
    await stage.drained()
    row = stage.observer.row(id)
    assert (row["result"], json.dumps(row["payload"]), row["version"]) == (7, '{"number": 7}', 2)
    assert upgraded == [({"number": 7}, 2)] * 2
