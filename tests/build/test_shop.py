"""The generated package at work: imported in any order, and its models do what conductor.toml says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pgconductor.build import generate
from pgconductor.client import BaseConductor, BaseSyncConductor
from pgconductor.config import Config, InvalidConfig
from pgconductor.config.names import CLIENT_NAMES

MODULES = [
    "billing", "flows", "mail", "orders", "reports", "search", "app",
    "conductor", "conductor.events", "conductor.models", "conductor.tasks",
]  # fmt: skip


def run(shop: Path, code: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, cwd=shop.parent / "src", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", MODULES)
def test_any_module_may_be_imported_first(first: str, shop: Path) -> None:
    generate(shop)
    code = f"""
import shop.{first}
from shop.billing import Charge, Receipt
from shop.conductor import tasks
assert tasks.charge.payload is Charge and tasks.charge.result is Receipt
assert tasks.charge.decode('{{"tenant": "a", "cents": 1}}') == Charge(tenant="a", cents=1)
"""
    run(shop, code)


def test_tasks_and_clients_have_what_was_declared(shop: Path) -> None:
    generate(shop)
    code = """
import warnings
from pgconductor.plan.model import Plan
from shop.conductor import Conductor, SyncConductor, tasks
from shop.conductor.models import SendEmailPayload
plan = Plan.load(Conductor.plan_path)
assert plan.name == "shop" and SyncConductor.plan_path == Conductor.plan_path
for name, task in plan.tasks.items():
    found = getattr(tasks, name)
    assert (found.name, found.key, found.queue) == (name, task.key, task.queue)
    assert found.payload.__name__ == task.payload.rpartition(":")[2]
    assert hasattr(Conductor, name) == hasattr(SyncConductor, name) == task.invocable
assert "Send one mail." in Conductor.send_email.__doc__
conductor = Conductor(plan, None)
assert conductor.send_email is conductor.send_email
with warnings.catch_warnings(record=True, action="always") as said:
    conductor.old_report
assert [str(warning.message) for warning in said] == ["use `report`"]
"""
    run(shop, code)


def test_events_and_emitters_have_what_was_declared(shop: Path) -> None:
    generate(shop)
    code = """
from pgconductor.plan.model import Plan
from shop.billing import Receipt
from shop.conductor import Conductor, SyncConductor, events
plan = Plan.load(Conductor.plan_path)
for client in (Conductor, SyncConductor):
    emit = client(plan, None).emit
    for name, event in plan.events.items():
        found = getattr(events, name.replace(".", "_"))
        assert (found.name, found.payload.__name__) == (name, event.payload.rpartition(":")[2])
        assert getattr(emit, name.replace(".", "_")).event is found
assert events.charge_refunded.payload is Receipt
assert "An order was paid in full." in type(emit).order_paid.__doc__
"""
    run(shop, code)


def test_defaults_constraints_and_rows(shop: Path) -> None:
    generate(shop)
    code = """
from datetime import date
from pydantic import ValidationError
from shop.conductor import tasks
from shop.conductor.models import Address, SendEmailPayload, ShipOrderOrdersRow
mail = SendEmailPayload(to="a@b.c", subject="hi")
assert (mail.plan, mail.cc, mail.sent_on, mail.tags) == (None, [], date(2026, 1, 31), {"a", "b"})
assert mail.address == Address(street="Main Street 1", country="DE")
assert mail.weight == 1.0 and type(mail.weight) is float
assert tasks.send_email.decode(tasks.send_email.encode(mail)) == mail
for wrong in ({"subject": "x" * 201}, {"weight": 0}, {"plan": "gold"}, {"to": "nobody"}, {"bcc": []}):
    try:
        SendEmailPayload(**{"to": "a@b.c", "subject": "hi", **wrong})
    except ValidationError as error:
        assert error.errors()[0]["loc"][0] in wrong
    else:
        raise AssertionError(wrong)
row = {"id": "018f2f3e-0000-7000-8000-000000000000", "Shipped At": None, "class": "a"}
assert ShipOrderOrdersRow.model_validate(row).class_ == "a"
"""
    run(shop, code)


def test_a_default_of_bytes_is_base64_as_in_every_payload(configured: Callable[[str], Config], tmp_path: Path) -> None:
    configured(
        """
        [types.Blob]
        data = { type = "bytes", default = "_wD-" }
        [tasks.keep.payload]
        one = { type = "bytes", default = "/wD+" }
        many = { type = "list[bytes]", default = ["aGk="] }
        blob = { type = "Blob", default = { data = "_wA=" } }
        """
    )
    generate(tmp_path / "conductor.toml")
    code = """
from made.conductor.models import Blob, KeepPayload
assert KeepPayload() == KeepPayload(one=b"\\xff\\0\\xfe", many=[b"hi"], blob=Blob(data=b"\\xff\\0"))
assert Blob().data == b"\\xff\\0\\xfe"
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, check=True)


def test_a_default_that_is_no_base64_is_refused(configured: Callable[[str], Config]) -> None:
    with pytest.raises(InvalidConfig, match="the default of `data` does not fit `bytes`"):
        configured('[tasks.keep.payload]\ndata = { type = "bytes", default = "no, not at all" }\n')


def test_no_task_can_be_called_like_something_that_clients_have() -> None:
    public = {name for client in (BaseConductor, BaseSyncConductor) for name in dir(client) if not name.startswith("_")}
    assert public | {"link", "plan", "plan_path"} <= CLIENT_NAMES
