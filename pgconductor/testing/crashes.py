"""The crash matrix: a handler run again and again, its worker killed at another point each time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, TypeVar
from uuid import UUID

from pgconductor.api.event import Event
from pgconductor.api.task import Task
from pgconductor.client.items import ItemMaker
from pgconductor.errors import ConductorError
from pgconductor.store.enqueue import EnqueueRequest, Item
from pgconductor.store.executions import State, get
from pgconductor.store.inspection import inspect
from pgconductor.store.query import run_blocking
from pgconductor.testing.course import Course
from pgconductor.testing.project import Databases
from pgconductor.testing.victim import END, Entry, Point, Victim

P = TypeVar("P")
R = TypeVar("R")

# What may have run, or been committed, once only. Waits are made anew by an attempt that failed with them.
STEPS = frozenset({"step", "transaction"})


@dataclass(frozen=True)
class Crash(Generic[R]):
    """One case of a matrix, at its end.

    Attributes:
        point: where the worker was killed; None: nowhere, the run that the points were found in.
        url: of the database, which is dropped after the check.
        execution_id: of the execution.
        result: what it returned; None unless it completed.
        error: of a failed or cancelled one.
        ran: how often the function of each step was run to its end: twice if it was killed before its record.
    """

    point: Point | None
    url: str
    execution_id: UUID
    state: State
    result: R | None
    error: Mapping[str, Any] | None
    ran: Mapping[str, int]


class CrashMatrix:
    """Kills workers on purpose; the fixture `crash_matrix` is one.

    Example:
        ```python
        def test_an_order_survives_every_crash(crash_matrix: CrashMatrix) -> None:
            def check(crash: Crash[OrderResult]) -> None:
                with psycopg.connect(crash.url) as connection:
                    assert connection.execute("select count(*) from charges").fetchone() == (1,)

            crash_matrix(tasks.order, OrderPayload(id=7), check, events={"order.paid": OrderPaid(order_id=7)})
        ```
    """

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._project = databases.project

    def __call__(
        self,
        task: Task[P, R],
        payload: P,
        check: Callable[[Crash[R]], object],
        *,
        events: Mapping[Event[Any] | str, Any] | None = None,
        timeout: float = 60,
    ) -> list[Point]:
        """Run a handler undisturbed, then once for each point at which its worker could be killed, and kill it there.

        The points are, for each step, after its function ran and before that is recorded, and right after its record;
        for each sleep, child and event before and after the execution is parked; and before its end is written. Each
        case has a database of its own and real worker processes; after SIGKILL another one goes on. Children run for
        real. The clock moves whenever everything sleeps, so sleeps and retries take no time.

        Args:
            check: called at the end of each case, the undisturbed one included.
            events: payloads to emit whenever the handler waits for them, by event or its name; a function takes the
                `where` of the wait and returns one. Events that are not answered time out.
            timeout: seconds that one case may take.

        Returns:
            The points, in the order they were found.

        Raises:
            AssertionError: a recorded step ran again, a transaction was not committed exactly once, the execution ended
                otherwise than undisturbed, or did not end; a note says at which point.
            ConductorError: the task has one attempt, which a crash spends.
        """
        self._check_attempts(task)
        answers = {key if isinstance(key, str) else key.name: answer for key, answer in (events or {}).items()}
        calm, log = self._case(task, payload, None, answers, timeout)(check)
        points = list(_points(log))
        for point in points:
            try:
                crash, log = self._case(task, payload, point, answers, timeout)(check)
                assert crash.state == calm.state, f"it ended {crash.state}, {calm.state} undisturbed: {crash.error}"
            except Exception as error:
                error.add_note(f"crash matrix of task `{task.name}`: the worker was killed {point}")
                raise
        return points

    def _case(
        self, task: Task[P, R], payload: P, point: Point | None, events: dict[str, Any], timeout: float
    ) -> Callable[[Callable[[Crash[R]], object]], tuple[Crash[R], list[Entry]]]:
        def run(check: Callable[[Crash[R]], object]) -> tuple[Crash[R], list[Entry]]:
            with self._databases.database() as url, TemporaryDirectory(prefix="pgconductor-") as folder:
                item = self._enqueue(url, task, payload)
                course = Course(url, self._project.plan.schema_name, item.id, events, timeout)
                with self._worker(url, item, point, Path(folder)) as victim:
                    course.follow(victim)
                    assert victim.alive or victim.was_killed, f"the worker died by itself:\n{victim.said()}"
                    assert point is None or victim.was_killed, (
                        "the point was not reached: the handler is not repeatable"
                    )
                if point is not None:
                    course.bury()
                    with self._worker(url, item, None, Path(folder)) as survivor:
                        course.follow(survivor)
                        assert survivor.alive, f"the second worker died:\n{survivor.said()}"
                log = victim.log()
                crash = self._crash(url, item, task, point, log)
                _judge(log)
                check(crash)
                return crash, log

        return run

    @contextmanager
    def _worker(self, url: str, item: Item, point: Point | None, folder: Path) -> Iterator[Victim]:
        victim = Victim(self._project.plan, self._project.folder, url, item.id, point, folder)
        try:
            yield victim
        finally:
            victim.kill()

    def _enqueue(self, url: str, task: Task[P, Any], payload: P) -> Item:
        plan = self._project.plan
        item = ItemMaker(task, plan.tasks[task.name], plan.size_limit).one(payload, {})
        with inspect(url) as connection:
            run_blocking(connection, EnqueueRequest(plan.schema_name, [item]).queries)
        return item

    def _crash(self, url: str, item: Item, task: Task[Any, R], point: Point | None, log: list[Entry]) -> Crash[R]:
        with inspect(url) as connection:
            row = get(connection, self._project.plan.schema_name, UUID(bytes=item.id))
        assert row is not None
        result = task.decode_result(_json(row.result)) if row.state == "completed" else None
        ran = Counter(entry.step for entry in log if entry.moment == "before" and entry.kind in STEPS)
        return Crash(point, url, row.id, row.state, result, row.error, ran)

    def _check_attempts(self, task: Task[Any, Any]) -> None:
        declared = self._project.plan.tasks.get(task.name)
        if declared is None or declared.handler is None:
            raise ConductorError(f"the plan has no task `{task.name}` with a handler")
        if declared.retry.max_attempts == 1:
            raise ConductorError(
                f"task `{task.name}` has one attempt, and a crash spends it: give it `max_attempts = 2` or more"
            )


def _json(value: Any) -> str | None:
    import pydantic_core

    return None if value is None else pydantic_core.to_json(value).decode()


def _points(log: list[Entry]) -> Iterator[Point]:
    seen = set()
    for entry in log:
        point = Point(entry.step, entry.moment)
        # What was killed after its end was written is over.
        if point not in seen and point != Point(END, "after"):
            seen.add(point)
            yield point


def _judge(log: list[Entry]) -> None:
    recorded: set[str] = set()
    for entry in log:
        if entry.kind not in STEPS:
            continue
        if entry.moment == "after":
            assert entry.step not in recorded, f"{entry.kind} `{entry.step}` was committed twice"
            recorded.add(entry.step)
        else:
            assert entry.step not in recorded, f"{entry.kind} `{entry.step}` ran again although it was recorded"
