"""The view of `_bindings.py`: every declared handler, assigned to the type that it must have."""

from __future__ import annotations

from pgconductor.build.python.imports import Imports
from pgconductor.build.python.layout import statement
from pgconductor.build.python.tasks import handler_alias
from pgconductor.config.model import Config


class BindingsView:
    """What the template `_bindings.py.jinja` writes down."""

    def __init__(self, config: Config) -> None:
        imports = Imports(config.tasks)
        self.bindings: list[str] = []
        for name, task in sorted(config.tasks.items()):
            if task.handler is not None:
                function = imports.typing(*task.handler.split(":"))
                alias = f"{imports.typing('.', 'tasks')}.{handler_alias(name)}"
                self.bindings.append(statement(f"{name}: {alias} = {function}", indent=4))
        self.imports = imports.write()
