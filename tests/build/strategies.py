"""Configurations of every kind, for properties of the compiler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from pgconductor.config.model import (
    Batch,
    Concurrency,
    Config,
    CronTrigger,
    Database,
    Dedupe,
    Event,
    EventTrigger,
    Generate,
    MovedTask,
    Overrides,
    Pool,
    Queue,
    RateLimit,
    RemovedQueue,
    Retention,
    Retry,
    TableTrigger,
    Task,
)
from pgconductor.config.types import Enum, Field, Fields, Generic, Json, ModelRef, Scalar, Shared, union

QUEUES = ("default", "mail", "slow")
EVENTS = ("order.paid", "stock.empty")

texts = st.text(max_size=12).filter(lambda text: "\0" not in text)
durations = st.integers(0, 10**10)
kept = st.none() | durations
json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
types = st.sampled_from(
    [
        Scalar("str"),
        Scalar("date"),
        Generic("list", Shared("Line")),
        Shared("Channel"),
        Shared("Money"),
        union(Scalar("int"), Scalar("None")),
    ]
)
fields = st.builds(
    Field,
    name=st.sampled_from(["a", "b", "c"]),
    type=types,
    required=st.booleans(),
    default=st.none(),
    description=texts,
)
payloads = st.lists(fields, max_size=3, unique_by=lambda field: field.name).map(
    lambda found: Fields(tuple(found))
) | st.just(ModelRef("shop.models", "Order"))
triggers = (
    st.builds(
        CronTrigger,
        expression=texts,
        timezone=texts,
        jitter_ms=durations,
        payload=st.none() | st.dictionaries(texts, json_values, max_size=2),
    )
    | st.builds(
        EventTrigger, event=st.sampled_from(EVENTS), fields=st.none() | st.just(("a",)), where=st.none() | texts
    )
    | st.builds(
        TableTrigger,
        table=texts,
        on=st.just(("insert", "update")),
        columns=st.none() | st.dictionaries(texts.filter(bool), st.none() | types, max_size=2),
        when=st.none() | texts,
    )
)
concurrencies = st.none() | st.builds(Concurrency, limit=st.none() | st.integers(1, 9), key=st.none() | texts)
tunables: dict[str, st.SearchStrategy[Any]] = {
    "priority": st.integers(-100, 100),
    "timeout_ms": kept,
    "step_timeout_ms": kept,
    "retry": st.builds(
        Retry,
        max_attempts=st.none() | st.integers(1, 99),
        delays_ms=st.lists(durations, max_size=4).map(tuple),
        jitter=st.floats(0, 1),
    ),
    "retention": st.builds(Retention, completed_ms=kept, failed_ms=kept, cancelled_ms=kept),
    "concurrency": concurrencies,
    "rate_limit": st.none() | st.builds(RateLimit, count=st.integers(1, 99), per_ms=durations, key=st.none() | texts),
    "dedupe": st.none() | st.builds(Dedupe, key=st.none() | texts, scope=st.sampled_from(["pending", "active", 1000])),
    "windows": st.lists(texts, max_size=2).map(tuple),
    "timezone": texts,
    "batch": st.none() | st.builds(Batch, size=st.integers(1, 99), max_wait_ms=durations),
    "log_payload": st.booleans(),
}
queue_tunables: dict[str, st.SearchStrategy[Any]] = {
    "worker_concurrency": st.integers(1, 99),
    "poll_interval_ms": durations,
    "lease_ms": durations,
    "executor": st.sampled_from(["async", "thread", "shop:pool"]),
    "durability": st.sampled_from(["strict", "relaxed"]),
    "paused_on_create": st.booleans(),
}


@st.composite
def tasks(draw: st.DrawFn, name: str) -> Task:
    return Task(
        name=name,
        key=name.replace("_", "-"),
        queue=draw(st.sampled_from(QUEUES)),
        handler=draw(st.none() | st.just(f"shop.handlers:{name}")),
        payload=draw(payloads),
        result=draw(st.none() | payloads),
        invocable=draw(st.booleans()),
        description=draw(st.none() | texts),
        deprecated=draw(st.booleans() | texts),
        version=draw(st.integers(1, 9)),
        triggers=draw(st.dictionaries(st.sampled_from(["x", "y"]), triggers, max_size=2)),
        **{name: draw(values) for name, values in tunables.items()},
    )


def changes(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of the tunables, as `[env.<name>]` has them: plain values."""
    return st.fixed_dictionaries({}, optional=known).map(
        lambda found: {
            name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in found.items()
        }
    )


@st.composite
def configs(draw: st.DrawFn) -> Config:
    names = draw(st.lists(st.sampled_from(["send_email", "charge", "report", "index"]), unique=True, max_size=4))
    queues = {name: Queue(name=name, **draw(st.fixed_dictionaries(queue_tunables))) for name in QUEUES}
    environment = st.builds(
        Overrides,
        database=st.fixed_dictionaries(
            {}, optional={"url": texts, "pool": st.just({"min": 1, "max": 2, "timeout_ms": 3})}
        ),
        queues=st.dictionaries(st.sampled_from(QUEUES), changes(queue_tunables), max_size=2),
        tasks=st.dictionaries(st.sampled_from(names), changes(tunables), max_size=2) if names else st.just({}),
    )
    return Config(
        path=Path("conductor.toml").absolute(),
        format=1,
        name="shop",
        schema_name=draw(st.sampled_from(["pgconductor", "shop_work"])),
        context=draw(st.none() | st.just("shop.deps:Deps")),
        database=Database(url=draw(st.none() | texts), pool=Pool(max=draw(st.integers(1, 9))), lock_timeout_ms=5),
        generate=Generate(package="shop.conductor", source_root="src"),
        queues=queues,
        types={
            "Line": Fields((Field("copies", Scalar("int")),)),
            "Channel": Enum(("web", "shop")),
            "Money": ModelRef("shop.money", "Money"),
        },
        events={name: Event(name=name, payload=draw(payloads), retention_ms=draw(durations)) for name in EVENTS},
        tasks={name: draw(tasks(name)) for name in names},
        moved=(MovedTask(from_key="old", to_key="new"),) if draw(st.booleans()) else (),
        removed=(RemovedQueue(queue="gone", pending="drain", move_to=None),) if draw(st.booleans()) else (),
        environments=draw(st.dictionaries(st.sampled_from(["prod", "test"]), environment, max_size=2)),
        sources={"conductor.toml": "0" * 64},
    )
