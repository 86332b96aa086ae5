"""A small shop: its plan, and its conductors as `generate` would write them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

from pgconductor.api.event import Event
from pgconductor.api.model import Model
from pgconductor.api.task import Task
from pgconductor.build.compile import compile_plan
from pgconductor.client.conductor import BaseConductor, BaseSyncConductor
from pgconductor.client.emitter import BaseEmitters, Emitter, OptionalEmitter, SyncEmitter, SyncOptionalEmitter
from pgconductor.client.invoker import OptionalTaskInvoker, SyncOptionalTaskInvoker, SyncTaskInvoker, TaskInvoker
from pgconductor.config import load
from pgconductor.plan.model import Plan

CONFIG = """
[conductor]
format = 1
name = "shop"

[database]
pool = { min = 1, max = 10, timeout = "5s" }

[generate]
package = "shop.conductor"

[queues.mail]

[events."order.paid"]
payload = { order = "int", "note?" = "str" }

[events."stock.empty"]

[events."door.opened"]
payload = { door = "int" }
retention = "0s"

[tasks.send_email]
queue = "mail"
priority = 3
payload = { to = "str", "note?" = "str" }
returns = { message_id = "str" }

[tasks.sweep]

[tasks.forgotten]
retention = { completed = "0s", failed = "30d", cancelled = "7d" }
payload = { number = "int" }

[tasks.latest]
dedupe = { scope = "pending", conflict = "replace" }
payload = { number = "int" }

[tasks.active]
dedupe = { scope = "active" }
payload = { number = "int" }

[tasks.daily]
dedupe = { scope = "1d" }
payload = { number = "int" }

[tasks.by_order]
dedupe = { key = "order-{order}-{express}" }
payload = { order = "int", express = { type = "bool", default = false } }

[tasks.nightly]
invocable = false
triggers.night = { cron = "0 3 * * *" }
"""


class Email(Model):
    to: str
    note: str | None = None


class Sent(Model):
    message_id: str


class Empty(Model):
    pass


class Numbered(Model):
    number: int


class Order(Model):
    order: int
    express: bool = False


class OrderPaid(Model):
    order: int
    note: str | None = None


class DoorOpened(Model):
    door: int


order_paid: Final[Event[OrderPaid]] = Event("order.paid", OrderPaid)
stock_empty: Final[Event[Empty]] = Event("stock.empty", Empty)
door_opened: Final[Event[DoorOpened]] = Event("door.opened", DoorOpened)

send_email: Final[Task[Email, Sent]] = Task("send_email", "send_email", "mail", Email, Sent)
sweep: Final[Task[Empty, None]] = Task("sweep", "sweep", "default", Empty)
forgotten: Final[Task[Numbered, None]] = Task("forgotten", "forgotten", "default", Numbered)
latest: Final[Task[Numbered, None]] = Task("latest", "latest", "default", Numbered)
active: Final[Task[Numbered, None]] = Task("active", "active", "default", Numbered)
daily: Final[Task[Numbered, None]] = Task("daily", "daily", "default", Numbered)
by_order: Final[Task[Order, None]] = Task("by_order", "by_order", "default", Order)


class Emitters(BaseEmitters):
    @cached_property
    def order_paid(self) -> Emitter[OrderPaid]:
        return Emitter(self._conductor, order_paid)

    @cached_property
    def stock_empty(self) -> OptionalEmitter[Empty]:
        return OptionalEmitter(self._conductor, stock_empty)

    @cached_property
    def door_opened(self) -> Emitter[DoorOpened]:
        return Emitter(self._conductor, door_opened)


class SyncEmitters(BaseEmitters):
    @cached_property
    def order_paid(self) -> SyncEmitter[OrderPaid]:
        return SyncEmitter(self._conductor, order_paid)

    @cached_property
    def stock_empty(self) -> SyncOptionalEmitter[Empty]:
        return SyncOptionalEmitter(self._conductor, stock_empty)


class Conductor(BaseConductor):
    @cached_property
    def emit(self) -> Emitters:
        return Emitters(self)

    @cached_property
    def send_email(self) -> TaskInvoker[Email, Sent]:
        return TaskInvoker(self, send_email)

    @cached_property
    def sweep(self) -> OptionalTaskInvoker[Empty, None]:
        return OptionalTaskInvoker(self, sweep)

    @cached_property
    def forgotten(self) -> TaskInvoker[Numbered, None]:
        return TaskInvoker(self, forgotten)

    @cached_property
    def latest(self) -> TaskInvoker[Numbered, None]:
        return TaskInvoker(self, latest)

    @cached_property
    def active(self) -> TaskInvoker[Numbered, None]:
        return TaskInvoker(self, active)

    @cached_property
    def daily(self) -> TaskInvoker[Numbered, None]:
        return TaskInvoker(self, daily)

    @cached_property
    def by_order(self) -> TaskInvoker[Order, None]:
        return TaskInvoker(self, by_order)


class SyncConductor(BaseSyncConductor):
    @cached_property
    def emit(self) -> SyncEmitters:
        return SyncEmitters(self)

    @cached_property
    def send_email(self) -> SyncTaskInvoker[Email, Sent]:
        return SyncTaskInvoker(self, send_email)

    @cached_property
    def sweep(self) -> SyncOptionalTaskInvoker[Empty, None]:
        return SyncOptionalTaskInvoker(self, sweep)

    @cached_property
    def latest(self) -> SyncTaskInvoker[Numbered, None]:
        return SyncTaskInvoker(self, latest)


def shop_plan(folder: Path) -> Plan:
    """The plan of CONFIG, whose file is written into `folder`."""
    path = folder / "conductor.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return compile_plan(load(path))
