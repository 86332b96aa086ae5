"""Runs the script of a page, in which `await` and `async with` may stand outside of a function."""

from __future__ import annotations

import ast
import asyncio
import inspect
import sys
from pathlib import Path

path = sys.argv[1]
code = compile(Path(path).read_text(), path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
sys.path.insert(0, "")
names = {"__name__": "__main__"}
if code.co_flags & inspect.CO_COROUTINE:
    asyncio.run(eval(code, names))
else:
    exec(code, names)
