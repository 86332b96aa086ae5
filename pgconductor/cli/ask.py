"""Asking a person which task to invoke, and with what."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import click
from pydantic import TypeAdapter

from pgconductor.api.task import Task
from pgconductor.cli.output import complain, say
from pgconductor.cli.project import Project
from pgconductor.errors import ConductorError, ValidationError
from pgconductor.plan.model import TaskPlan

_EXAMPLES: dict[str, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "null": None}


def ask(project: Project) -> tuple[Task[Any, Any], Any]:
    """Let a person pick a task and edit its payload until it is valid. Nothing entered, or Ctrl-C, is a way out.

    Returns:
        The task and the payload.

    Raises:
        ConductorError: no task can be invoked.
        click.Abort: the person thought better of it.
    """
    stub = project.stub(_pick([task for task in project.plan.tasks.values() if task.invocable]))
    text = json.dumps(example(TypeAdapter(stub.payload).json_schema()), ensure_ascii=False)
    while True:
        text = _edit("payload: ", text)
        if not text.strip():
            raise click.Abort
        try:
            return stub, stub.validate(text)
        except ValidationError as error:
            complain(f"error: {error}")


def _pick(tasks: list[TaskPlan]) -> TaskPlan:
    if not tasks:
        raise ConductorError("no task of this project can be invoked")
    if len(tasks) == 1:
        say(f"task: {tasks[0].name}")
        return tasks[0]
    for number, task in enumerate(tasks, 1):
        say(f"  {number:2}  {task.name}" + (f"  {task.description.splitlines()[0]}" if task.description else ""))
    known = {task.name: task for task in tasks} | {str(number): task for number, task in enumerate(tasks, 1)}
    while True:
        answer = _edit("task, by number or name: ", "").strip()
        if not answer:
            raise click.Abort
        if answer in known:
            return known[answer]
        begins = [task for task in tasks if task.name.startswith(answer)]
        if len(begins) == 1:
            return begins[0]
        complain(f"error: there is no task `{answer}`")


def _edit(prompt: str, text: str) -> str:
    """A line that begins as `text`."""
    try:
        readline = import_module("readline")
    except ImportError:  # Windows
        return input(f"{prompt}({text}) " if text else prompt) or text
    readline.set_startup_hook(lambda: readline.insert_text(text))
    try:
        return input(prompt)
    except EOFError:
        raise click.Abort from None
    finally:
        readline.set_startup_hook()


def example(schema: dict[str, Any], definitions: dict[str, Any] | None = None) -> Any:
    """A value to begin with: every field that must be there, as empty as its type allows.

    >>> example({"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}, "cc": {}}})
    {'to': ''}
    """
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        return example(definitions.get(schema["$ref"].rsplit("/", 1)[-1], {}), definitions)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    if choices := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return example(choices[0], definitions)
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        return {name: example(properties.get(name, {}), definitions) for name in schema.get("required", ())}
    return _EXAMPLES.get(schema.get("type", "null"))
