"""Whatever happens in whatever order, the database holds what a small model says: one row each, in the right table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pgconductor.plan.model import Plan
from pgconductor.store.claims import Floor
from pgconductor.store.settlement import Settled
from tests.observer import STATES, Observer
from tests.store.hand import Hand, hand
from tests.store.model import Kind, Model

WORKERS = range(2)
KINDS: list[Kind] = ["complete", "fail", "discard", "retry later", "retry now", "release"]
TASKS = ("plain", "limited", "stubborn")
DELAY = 60


class Machine(RuleBasedStateMachine):
    """The store's statements beside the model's methods."""

    def __init__(self, dsn: str, plan: Plan) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.connections = AsyncExitStack()
        self.observer = Observer(dsn)
        self.observer.move_clock(0)
        for table in (*STATES, "workers"):
            self.observer.run(f"delete from {{}}.{table}")
        self.hands = [self.run(self.connections.enter_async_context(hand(dsn, plan))) for _ in WORKERS]
        limits = {key: task.concurrency.limit for key, task in plan.tasks.items() if task.concurrency}
        self.observer.run("update {}.tasks set max_attempts = 2 where key <> 'stubborn'")  # soon spent
        self.model = Model(limits, {key: None if key == "stubborn" else 2 for key in plan.tasks})
        self.model.alive = {hand.id: True for hand in self.hands}
        self.claimed: list[tuple[int, UUID, int]] = []

    def run(self, coroutine: Any) -> Any:
        return self.runner.run(coroutine)

    def teardown(self) -> None:
        self.run(self.connections.aclose())
        self.runner.close()
        self.observer.connection.close()

    @initialize()
    def begin_with_work(self) -> None:
        for task in TASKS:
            self.enqueue(task, 2, 0, False)

    @rule(task=st.sampled_from(TASKS), count=st.integers(1, 3), priority=st.integers(0, 1), later=st.booleans())
    def enqueue(self, task: str, count: int, priority: int, later: bool) -> None:
        delay = DELAY if later else 0
        ids = self.observer.enqueue(task, count=count, priority=priority, delay_ms=delay * 1000 or None)
        self.model.enqueue(ids, task, priority, delay)

    @precondition(lambda self: self.has("ready"))
    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 4), limited=st.booleans())
    def claim(self, worker: int, limit: int, limited: bool) -> None:
        one, task = self.hands[worker], "limited" if limited else None
        one.claims._floor = Floor()  # which has tests of its own; without it the model knows the order
        taken = self.run(one.take(limit, task))
        assert taken == self.model.claim(one.id, one.lease, limit, task)
        self.claimed += [(one.id, id, one.lease) for id in taken]

    @precondition(lambda self: self.claimed)
    @rule(data=st.data(), twice=st.booleans())
    def settle(self, data: st.DataObject, twice: bool) -> None:
        """What a worker holds, or once held under some lease and may have settled or lost since."""
        one = data.draw(st.sampled_from([hand for hand in self.hands if hand.leases]))
        ever = sorted((id, lease) for worker, id, lease in self.claimed if worker == one.id)
        held = [(id, lease) for id, lease in ever if self.model.rows[id].holder == (one.id, lease)]
        some = st.sampled_from(ever) | st.sampled_from(held) if held else st.sampled_from(ever)
        chosen = sorted(data.draw(st.lists(some, min_size=1, max_size=4, unique_by=lambda each: each[0])))
        outcomes = [(id, lease, data.draw(st.sampled_from(KINDS))) for id, lease in chosen]
        batch = [_outcome(one, id, kind)._replace(lease=lease) for id, lease, kind in outcomes]
        assert set(self.run(one.settle(*batch))) == self.model.settle(one.id, outcomes)
        if twice:
            assert set(self.run(one.settle(*batch))) == {id for id, _ in chosen}

    @precondition(lambda self: self.has("running"))
    @rule(worker=st.sampled_from(WORKERS), data=st.data())
    def release_strays(self, worker: int, data: st.DataObject) -> None:
        one = self.hands[worker]
        known = data.draw(st.sets(st.sampled_from(sorted(one.leases)))) if one.leases else set()
        count = self.run(one.claims.release_strays([id.bytes for id in known]))
        assert count == self.model.release_strays(one.id, known)

    @precondition(lambda self: all(self.model.alive.values()))
    @rule(worker=st.sampled_from(WORKERS))
    def expire(self, worker: int) -> None:
        self.observer.expire(self.hands[worker].id)
        self.model.alive[self.hands[worker].id] = False

    @precondition(lambda self: not all(self.model.alive.values()))
    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker: int) -> None:
        self.hands[worker].registry.beat(self.observer.connection)
        self.model.alive[self.hands[worker].id] = True

    @precondition(lambda self: not all(self.model.alive.values()))
    @rule()
    def rescue(self) -> None:
        assert {rescued.id for rescued in self.observer.rescue()} == self.model.rescue()

    @precondition(lambda self: self.has("running"))
    @rule(worker=st.sampled_from(WORKERS))
    def crash_and_come_back(self, worker: int) -> None:
        self.expire(worker)
        self.rescue()
        self.beat(worker)

    @precondition(lambda self: self.model.rows)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        id = data.draw(st.sampled_from(sorted(self.model.rows)))
        assert self.observer.cancel(id) == self.model.cancel(id)

    @precondition(lambda self: self.has("scheduled"))
    @rule()
    def pass_the_time(self) -> None:
        """More than a delay, with every living worker beating."""
        self.model.seconds += DELAY + 1
        self.observer.move_clock(self.model.seconds)
        for one in self.hands:
            if self.model.alive[one.id]:
                one.registry.beat(self.observer.connection)

    @precondition(lambda self: self.has("scheduled"))
    @rule(worker=st.sampled_from(WORKERS))
    def promote(self, worker: int) -> None:
        assert self.run(self.hands[worker].claims.look(1000)).promoted == self.model.promote()

    def has(self, state: str) -> bool:
        return any(row.state == state for row in self.model.rows.values())

    @invariant()
    def every_execution_is_where_the_model_has_it(self) -> None:
        rows = self.observer.rows(
            "select e.id, e.state, e.attempts, r.worker, r.lease"
            " from {}.executions as e left join {}.running as r on r.id = e.id and e.state = 'running'"
        )
        assert len(rows) == len({row["id"] for row in rows})
        found = {row["id"]: (row["state"], row["attempts"], _holder(row)) for row in rows}
        assert found == {id: row.seen() for id, row in self.model.rows.items() if row.state is not None}

    @invariant()
    def every_slot_is_held_by_one_running_row(self) -> None:
        slots = [row["slot"] for row in self.observer.rows("select slot from {}.running where task = 'limited'")]
        assert set(slots) <= {1, 2}
        assert len(slots) == len(set(slots))


def _holder(row: dict[str, Any]) -> tuple[int, int] | None:
    return None if row["worker"] is None else (row["worker"], row["lease"])


def _outcome(one: Hand, id: UUID, kind: Kind) -> Settled:
    match kind:
        case "complete":
            return one.completed(id)
        case "fail":
            return one.failed(id)
        case "discard":
            return one.discarded(id)
        case "release":
            return one.released(id)
        case _:
            return one.retried(id, 0 if kind == "retry now" else DELAY * 1000)


def explore(dsn: str, plan: Plan, examples: int, steps: int, phases: Iterable[Phase] = tuple(Phase)) -> None:
    run_state_machine_as_test(
        lambda: Machine(dsn, plan),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=phases,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_few_histories(dsn: str, plan: Plan) -> None:
    explore(dsn, plan, examples=20, steps=40, phases=(Phase.generate,))  # the slow one looks for a shorter history


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_many_long_histories(dsn: str, plan: Plan) -> None:
    explore(dsn, plan, examples=150, steps=80)
