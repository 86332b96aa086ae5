"""Enqueueing with no worker about: a thousand at once beside raw SQL, and a hundred callers with one each."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Bench
from benchmarks.database import Database
from benchmarks.figure import Figure, at_least, client_us, compared, middle, rate, server_us
from benchmarks.jobs.conductor.client import Conductor
from benchmarks.jobs.conductor.models import KeptPayload
from benchmarks.measure import Measurement, measure
from pgconductor.store.json_array import JsonArray
from pgconductor.store.uuid7 import uuid7_bytes
from pgconductor.store.uuids import UuidArray

BULK = 100_000
BATCH = 1_000
SINGLE = 50_000
KEYED = 10_000
CALLERS = 100

RAW = (
    "insert into {ready} (id, run_at, created_at, priority, version, queue, task, payload)"
    " select gen_random_uuid(), now(), now(), 0, 1, 'raw', 'raw_kept', x::json from unnest(%(texts)s::text[]) as x"
)
# The same with ids from us, and both arrays in the binary form that the client sends: what the server can take at best.
BINARY = (
    "insert into {ready} (id, run_at, created_at, priority, version, queue, task, payload)"
    " select id, now(), now(), 0, 1, 'raw', 'raw_kept', payload"
    " from unnest(%(ids)s::uuid[], %(payloads)s::json[]) as item (id, payload)"
)


def bulk(bench: Bench) -> Iterator[Figure]:
    """`many` of 1,000 payloads after another, models included, beside an INSERT of as many JSON texts."""
    jobs = bench.size(BULK)
    with producer(bench) as client:
        runs = bench.interleave(
            {
                "client": lambda: client.bulk(jobs),
                "raw unnest insert": lambda: client.raw(jobs),
                "raw binary insert": lambda: client.binary(jobs),
            }
        )
    yield compared("bulk enqueue, 1,000 at once", runs, "client", "raw unnest insert", at_least(0.7))
    yield compared("  beside ready-made binary arrays", runs, "client", "raw binary insert")
    for name, of in (("client", client_us), ("server", server_us)):
        value, beside = middle(runs["client"], of), middle(runs["raw unnest insert"], of)
        yield Figure(f"  {name} CPU per job", f"{value:.1f} us", f"raw SQL {beside:.1f} us", value)


def single(bench: Bench) -> Iterator[Figure]:
    """100 coroutines, each awaiting one enqueue after the other."""
    with producer(bench) as client:
        runs = bench.interleave(
            {
                "plain": lambda: client.single(bench.size(SINGLE)),
                "with a dedupe key each": lambda: client.single(bench.size(KEYED), keyed=True),
            }
        )
    for name, bound in (("plain", at_least(15_000)), ("with a dedupe key each", None)):
        value, cpu = middle(runs[name], rate), middle(runs[name], client_us)
        details = {name: [each.as_json() for each in runs[name]]}
        title = "100 coroutines, single enqueues" if name == "plain" else f"  {name}"
        yield Figure(title, f"{value:,.0f}/s", f"client {cpu:.1f} us", value, bound, details)


class Producer:
    """A client with its event loop, and a database without workers."""

    def __init__(self, bench: Bench, database: Database, runner: asyncio.Runner) -> None:
        self._bench = bench
        self._database = database
        self._runner = runner
        self._conductor = Conductor.connect(database.url, plan=database.plan)
        runner.run(self._conductor.open())

    def close(self) -> None:
        self._runner.run(self._conductor.close())

    def bulk(self, jobs: int) -> Measurement:
        self._clear()
        with measure(self._bench.server, "client", jobs=jobs) as meter:
            self._runner.run(self._bulk(jobs))
        return meter.result

    def raw(self, jobs: int) -> Measurement:
        self._clear()
        with measure(self._bench.server, "raw unnest insert", jobs=jobs) as meter:
            for first in range(0, jobs, BATCH):
                self._database.run(RAW, texts=[f'{{"i":{i}}}' for i in range(first, first + BATCH)])
        return meter.result

    def binary(self, jobs: int) -> Measurement:
        self._clear()
        with measure(self._bench.server, "raw binary insert", jobs=jobs) as meter:
            for first in range(0, jobs, BATCH):
                payloads = JsonArray([b'{"i":%d}' % i for i in range(first, first + BATCH)])
                self._database.run(BINARY, ids=UuidArray(uuid7_bytes(BATCH)), payloads=payloads)
        return meter.result

    def single(self, jobs: int, *, keyed: bool = False) -> Measurement:
        self._clear()
        with measure(self._bench.server, "single", jobs=jobs) as meter:
            self._runner.run(self._singles(jobs, keyed))
        return meter.result

    async def _bulk(self, jobs: int) -> None:
        for first in range(0, jobs, BATCH):
            await self._conductor.kept.many([KeptPayload(i=i) for i in range(first, first + BATCH)])

    async def _singles(self, jobs: int, keyed: bool) -> None:
        async def caller(first: int) -> None:
            for i in range(first, jobs, CALLERS):
                if keyed:
                    await self._conductor.kept(KeptPayload(i=i), dedupe_key=f"key {i}")
                else:
                    await self._conductor.kept(KeptPayload(i=i))

        await asyncio.gather(*(caller(first) for first in range(CALLERS)))

    def _clear(self) -> None:
        self._database.run("truncate {ready}")
        self._database.run("truncate {schema}.keys")
        self._database.run("checkpoint")


@contextmanager
def producer(bench: Bench) -> Iterator[Producer]:
    with bench.database() as database, asyncio.Runner() as runner:
        opened = Producer(bench, database, runner)
        try:
            yield opened
        finally:
            opened.close()
