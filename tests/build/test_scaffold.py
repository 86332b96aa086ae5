"""Skeletons: of the right types, where they are missing, and nothing of the user's is touched."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pgconductor.build import generate
from pgconductor.build.scaffold.missing import Scaffold, scaffold
from pgconductor.config import load
from pgconductor.errors import OutputError
from tests.build.conftest import HEAD

REPOSITORY = Path(__file__).parents[2]
Scaffolded = Callable[..., Scaffold]

TASK = """
[tasks.send]
handler = "made.mail:send"
payload = { to = "str" }
[tasks.pack]
handler = "made.mail:pack"
returns = { parcel = "int" }
"""


@pytest.fixture
def scaffolded(tmp_path: Path) -> Scaffolded:
    """What scaffold would do for a file, with modules beside it."""

    def scaffolded(text: str = TASK, **modules: str) -> Scaffold:
        (tmp_path / "conductor.toml").write_text(HEAD + text)
        for name, content in modules.items():
            path = tmp_path / "made" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content.encode())
        return scaffold(load(tmp_path / "conductor.toml"))

    return scaffolded


def without_functions(path: Path) -> None:
    """Leave of a module what is no function."""
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            del lines[node.lineno - 1 : node.end_lineno]
    path.write_text("".join(lines))


def test_a_whole_project_of_skeletons_passes_mypy_strict(shop: Path, tmp_path: Path) -> None:
    source = shop.parent / "src" / "shop"
    (source / "mail.py").unlink()
    for name in ("billing", "reports"):
        without_functions(source / f"{name}.py")
    (source / "search.py").unlink()
    (source / "orders.py").write_text('"""Orders."""\n')
    upgraded = 'handler = "shop.reports:nightly"\nversion = 2\nupgrade = "shop.upgrades:nightly"'
    more = '[tasks.watch]\nhandler = "shop.deep.er:watch"\nbatch = { size = 5 }\n'
    more += 'triggers.x = { table = "public.x", columns = { id = "int" } }\nreturns = { id = "int" }\n'
    shop.write_text(shop.read_text().replace('handler = "shop.reports:nightly"', upgraded) + more)
    generate(shop)
    for change in scaffold(load(shop)).changes:
        path = shop.parent / change.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(change.after or "")
    assert scaffold(load(shop)).changes == ()
    (tmp_path / "mypy.ini").write_text(f"[mypy]\nmypy_path = {source.parent}:{REPOSITORY}\npython_version = 3.11\n")
    command = ["mypy", "--strict", "--no-error-summary", "--config-file", str(tmp_path / "mypy.ini"), str(source)]
    done = subprocess.run([sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
    lint = ["ruff", "check", "--isolated", "--select", "F", str(source)]
    done = subprocess.run([sys.executable, "-m", *lint], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_they_look_like(shop: Path, snapshot: SnapshotAssertion) -> None:
    for path in (shop.parent / "src" / "shop").glob("*.py"):
        path.unlink()
    changes = scaffold(load(shop)).changes
    assert "".join(f"--- {change.path}\n{change.after}" for change in changes) == snapshot


def test_they_are_added_to_a_module_and_what_is_there_stays(scaffolded: Scaffolded) -> None:
    mine = '"""Mail."""\n\nimport os\nfrom made.conductor import tasks as t\n\nX = os.name\n\ndef send(x, ctx): ...\n'
    [change] = scaffolded(mail=mine).changes
    assert (change.path, change.before) == ("made/mail.py", mine)
    assert change.after is not None
    kept = iter(change.after.splitlines())
    assert all(line in kept for line in mine.splitlines())
    assert "from made.conductor.models import PackPayload, PackResult\n" in change.after
    assert "\n\n\nasync def pack(payload: PackPayload, ctx: t.Context) -> PackResult:\n" in change.after
    assert "def send(payload: " not in change.after


@pytest.mark.parametrize(
    "mine",
    [
        "send = pack = None\n",
        "send: object = 1\nclass pack: pass\n",
        "from elsewhere import send, doit as pack\n",
        "from elsewhere import *\n",
        "if True:\n    def send(): ...\nelse:\n    send = 1\ntry:\n    import pack\nexcept ImportError:\n    pass\n",
        "send, (pack, _) = 1, (2, 3)\n",
    ],
)
def test_whatever_binds_the_name_is_the_handler(mine: str, scaffolded: Scaffolded) -> None:
    assert scaffolded(mail=mine) == Scaffold((), {}, ())


@pytest.mark.parametrize(
    "mine",
    [
        "#!/usr/bin/env python\n# mine\nX = 1\n",
        "X = 1",
        "import os",
        "from __future__ import annotations\n",
        '"""Doc."""\nX = 1\n\n\n\n\n',
        "import os\r\n\r\nX = os.name\r\n",
        "\ufeffX = 1\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from made.conductor import tasks\nPackPayload = 5\n",
        "import a; X = a\n",
        "(\n  X\n) = 1\n",
        "   \n",
    ],
)
def test_any_module_can_be_added_to(mine: str, scaffolded: Scaffolded) -> None:
    [change] = scaffolded(mail=mine).changes
    assert change.after is not None
    names = {getattr(node, "name", "") for node in ast.parse(change.after.removeprefix("\ufeff")).body}
    assert {"send", "pack"} <= names
    assert ("\r\n" in mine) == bool(re.search("\r\n", change.after))
    assert not re.search("(?<!\r)\n", change.after) or "\r\n" not in mine
    assert change.after.startswith("\ufeff") == mine.startswith("\ufeff")
    if mine.startswith("#!"):
        assert change.after.startswith("#!/usr/bin/env python\n# mine\n")
    if "TYPE_CHECKING" in mine:
        assert "from made.conductor import tasks as tasks_\n" in change.after
        assert "ctx: tasks_.Context) -> " in change.after


def test_new_folders_become_packages(scaffolded: Scaffolded) -> None:
    found = scaffolded('[tasks.send]\nhandler = "made.deep.mail:send"\n')
    paths = ["made/__init__.py", "made/deep/__init__.py", "made/deep/mail.py"]
    assert [(change.path, change.before) for change in found.changes] == [(path, None) for path in paths]
    assert found.functions == {"made/deep/mail.py": ("send",)}


def test_a_handler_of_another_package_is_left_alone(scaffolded: Scaffolded) -> None:
    found = scaffolded('[tasks.a]\nhandler = "json.nowhere:send"\n[tasks.b]\nhandler = "made.conductor.own:send"\n')
    assert found == Scaffold((), {}, ("json.nowhere:send", "made.conductor.own:send"))


def test_one_function_of_two_tasks_is_written_once(scaffolded: Scaffolded) -> None:
    text = '[tasks.a]\nhandler = "made.mail:send"\n[tasks.b]\nhandler = "made.mail:send"\n'
    [change] = [change for change in scaffolded(text).changes if change.after]
    assert change.after.count("def send(") == 1


def test_a_module_that_is_no_python_is_refused_with_its_place(scaffolded: Scaffolded, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"error\[GEN106\]: made/mail\.py cannot be read \(.*line 1\)"):
        scaffolded(mail="def send(:\n")
    (tmp_path / "made" / "mail.py").write_bytes(b"\xff")
    with pytest.raises(OutputError, match="it is not UTF-8"):
        scaffolded()


def test_a_description_that_would_end_the_docstring_does_not(scaffolded: Scaffolded) -> None:
    text = '[tasks.send]\nhandler = "made.mail:send"\ndescription = \'A """quoted""" \\\'\n'
    [change] = [change for change in scaffolded(text).changes if change.after]
    assert change.after is not None
    [function] = [node for node in ast.parse(change.after).body if isinstance(node, ast.AsyncFunctionDef)]
    assert ast.get_docstring(function) == 'A """quoted""" \\'
