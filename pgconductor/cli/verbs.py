"""The list of verbs, readable without importing one of them: `--help` must not wait for a database driver."""

from __future__ import annotations

import difflib
import gc
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

import click

from pgconductor.cli.interrupts import ending_at_once

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Verb(NamedTuple):
    """Where a command is, as `module`'s attribute `command`, and what the overview says of it."""

    module: str
    summary: str


VERBS: dict[str, Verb] = {
    "init": Verb("pgconductor.cli.init", "Begin a project: a conductor.toml, a handler, and what to type next."),
    "dev": Verb("pgconductor.cli.dev", "Work on a project: Postgres, generate, apply and run, again on every save."),
    "check": Verb("pgconductor.cli.check", "Say everything that is wrong with conductor.toml."),
    "generate": Verb("pgconductor.cli.generate", "Compile conductor.toml into typed Python, SQL and plan.json."),
    "schema": Verb("pgconductor.cli.schema", "Write a JSON Schema of conductor.toml for your editor."),
    "diff": Verb("pgconductor.cli.diff", "Show what apply would do to the database."),
    "apply": Verb("pgconductor.cli.apply", "Bring the database in line with the plan."),
    "run": Verb("pgconductor.cli.run", "Execute tasks until told to stop, or until nothing is left."),
    "invoke": Verb("pgconductor.cli.invoke", "Enqueue one execution of a task."),
    "emit": Verb("pgconductor.cli.emit", "Emit an event to everybody who waits for it."),
    "executions": Verb("pgconductor.cli.executions", "List, show, follow, cancel and retry executions."),
    "status": Verb(
        "pgconductor.cli.status", "Show the queues: what waits, since when, what runs and how fast it ends."
    ),
    "top": Verb("pgconductor.cli.top", "Show the queues and the workers, live, on the whole terminal."),
    "tasks": Verb("pgconductor.cli.tasks", "List the tasks: what is declared, what waits and how fast it ends."),
    "workers": Verb("pgconductor.cli.workers", "List the workers: one a queue and process, with what each holds."),
    "queues": Verb("pgconductor.cli.queues", "List, pause, resume and empty queues."),
    "doctor": Verb("pgconductor.cli.doctor", "Look for what is wrong, or soon will be, and say what to do about it."),
    "completion": Verb("pgconductor.cli.completion", "Print what makes a shell complete verbs and options."),
    "explain": Verb("pgconductor.cli.explain", "Explain a code such as CFG201."),
    "version": Verb("pgconductor.cli.version", "Say which version this is, and what it runs on."),
}


class Verbs(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        with ending_at_once():
            command = cast("click.Command", import_module(verb.module).command)
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        # click would import every verb for its summary, at every press of the key.
        verbs = [CompletionItem(name, help=verb.summary) for name, verb in VERBS.items() if name.startswith(incomplete)]
        return verbs + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, verb.summary) for name, verb in VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in VERBS and not name.startswith("-"):
            near = difflib.get_close_matches(name, VERBS, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else "; `pgconductor --help` lists them"
            raise click.UsageError(f"there is no verb `{name}`{hint}", ctx)
        return super().resolve_command(ctx, args)
