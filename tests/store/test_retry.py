"""Taking back what failed or was cancelled, in races: with itself, with pruning, and for a key that is taken."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest

from tests.observer import Observer
from tests.store.conftest import NewHand
from tests.store.test_cancel import wait_for_lock


@pytest.mark.parametrize("first", ["commit", "rollback"])
async def test_two_retries_at_once_give_one_execution(
    new_hand: NewHand, observer: Observer, dsn: str, first: str
) -> None:
    id = observer.one("plain")
    worker = await new_hand()
    await worker.take()
    await worker.settle(worker.failed(id))
    said: list[bool] = []
    with Observer(dsn) as one, Observer(dsn) as other:
        one.run("begin")
        assert one.retry(id)
        thread = threading.Thread(target=lambda: said.append(other.retry(id)))
        thread.start()
        wait_for_lock(observer)
        one.run(first)
        thread.join(5)
    assert said == [first == "rollback"]
    observer.assert_one_row_each([id])
    assert observer.state(id) == "ready"
    assert await worker.take() == [id]


@pytest.mark.parametrize("first", ["retry", "prune"])
async def test_a_retry_meets_pruning(new_hand: NewHand, observer: Observer, dsn: str, first: str) -> None:
    id = observer.one("plain")
    worker = await new_hand()
    await worker.take()
    await worker.settle(worker.failed(id))
    observer.run("update {}.tasks set keep_failed = '0'")
    observer.run(
        "insert into {}.steps (execution_id, started_at, position, attempt, name, kind, state)"
        " values (%s, now(), 1, 1, 'one', 'step', 'done')",
        id,
    )
    acts: dict[str, Any] = {"retry": lambda by: by.retry(id), "prune": lambda by: by.prune()}
    (second,) = acts.keys() - {first}
    said: list[Any] = []
    with Observer(dsn) as one, Observer(dsn) as other:
        one.run("begin")
        acts[first](one)
        thread = threading.Thread(target=lambda: said.append(acts[second](other)))
        thread.start()
        wait_for_lock(observer)
        one.run("commit")
        thread.join(5)
    if first == "retry":
        assert observer.state(id) == "ready"
        assert observer.value("select count(*) from {}.steps") == 1
        assert observer.value("select count(*) from {}.history") == 2
    else:
        assert said == [False]
        assert observer.state(id) is None
        assert observer.rows("select from {}.steps union all select from {}.history") == []


def test_a_dedupe_key_that_another_has_by_now_is_not_taken_from_it(observer: Observer) -> None:
    first = observer.value("select {}.invoke('plain', dedupe_key => 'k')")
    observer.cancel(first)
    second = observer.value("select {}.invoke('plain', dedupe_key => 'k')")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match=f'execution {second} has its dedupe key "k"'):
        observer.retry(first)
    assert observer.state(first) == "cancelled"
    observer.cancel(second)
    assert observer.retry(first)
    observer.run("update {}.tasks set dedupe_scope = 'active'")
    assert observer.value("select {}.invoke('plain', dedupe_key => 'k')") == first


def test_the_key_of_a_throttle_is_not_in_the_way(observer: Observer) -> None:
    first = observer.value("select {}.invoke('plain', dedupe_key => 'k', throttle => '1 day')")
    observer.cancel(first)
    second = observer.value("select {}.invoke('plain', dedupe_key => 'k')")
    assert observer.retry(first)
    assert {observer.state(first), observer.state(second)} == {"ready"}


def test_a_queue_that_is_gone_is_named(observer: Observer) -> None:
    id = observer.one("elsewhere", queue="other")
    observer.cancel(id)
    observer.run("delete from {}.queues where name = 'other'")
    with pytest.raises(psycopg.errors.InvalidParameterValue, match='its queue "other" is gone'):
        observer.retry(id)
    assert observer.state(id) == "cancelled"
