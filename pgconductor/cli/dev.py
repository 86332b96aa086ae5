"""`pgconductor dev`."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click

from pgconductor.cli.front import LineFront, ScreenFront
from pgconductor.cli.keyboard import Keys
from pgconductor.cli.output import is_terminal, say
from pgconductor.cli.selection import select_project, selection
from pgconductor.config.discover import discover
from pgconductor.dev.session import Session

INTERRUPTED = 130


@click.command()
@click.option("--log-format", type=click.Choice(["text", "json"]), help="One line an event, on a terminal too.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="The lowest level that is shown.",
)
@select_project
def command(log_format: str | None, log_level: str) -> int:
    """Work on a project: Postgres, generate, apply and run, again on every save.

    Tunables that change are pushed to the running workers. Anything else starts a new generation of worker processes,
    and the old one ends once the new one is ready: no execution is lost or run twice. A configuration with a mistake in
    it, or a module that cannot be imported, is shown, and what ran goes on.

    On a terminal: r restarts, g generates, p pauses, i invokes a task, q quits.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # nothing is held until the session has its own way to end
    config = discover(Path.cwd(), option=selection().config, environ=os.environ)
    return asyncio.run(_run(config, selection().env, log_format, log_level))


async def _run(config: Path, env: str | None, log_format: str | None, level: str) -> int:
    on_screen = log_format is None and is_terminal(sys.stderr)
    front = ScreenFront(level) if on_screen else LineFront(log_format or "text", level)
    session = Session(config, env, front, level.upper())
    return await _Controls(session, front, config, env).run()


class _Controls:
    """What keys and signals do to a session."""

    def __init__(self, session: Session, front: LineFront | ScreenFront, config: Path, env: str | None) -> None:
        self._session = session
        self._front = front
        self._selected = ["--config", str(config.absolute()), *(["--env", env] if env else [])]
        self._keys = Keys(self._press)
        self._prompting: asyncio.Task[None] | None = None

    async def run(self) -> int:
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            loop.add_signal_handler(number, self._leave, 0)
        with ExitStack() as shown:
            shown.enter_context(self._front.showing(self._session.status))
            if isinstance(self._front, ScreenFront):
                shown.enter_context(self._keys)
                loop.add_signal_handler(signal.SIGTSTP, self._suspend)
                loop.add_signal_handler(signal.SIGCONT, self._continue)
            code = await self._session.run()
            if self._prompting is not None:
                self._prompting.cancel()
                await asyncio.gather(self._prompting, return_exceptions=True)
        say(_summary(self._session.totals(), time.monotonic() - began))
        return code

    def _press(self, key: str) -> None:
        match key.lower():
            case "r":
                self._session.restart()
            case "g":
                self._session.generate()
            case "p":
                self._session.toggle_pause()
            case "i":
                if self._prompting is None and not self._session.is_leaving:
                    self._prompting = asyncio.create_task(self._invoke())
            case "q":
                self._leave(0)

    def _interrupt(self) -> None:
        if self._prompting is None:  # otherwise it was meant for the prompt, which has it too
            self._leave(INTERRUPTED)

    def _leave(self, code: int) -> None:
        self._front.leaving(again=self._session.is_leaving)
        self._session.leave(code)

    def _suspend(self) -> None:
        """Ctrl-Z: give the terminal back as it was, and take it again when we go on. Workers go on all the time."""
        if self._prompting is None:
            self._keys.rest()
            with self._front.aside():
                self._stop_process()
            self._keys.listen()
        else:  # the terminal is the prompt's, which stops as well
            self._stop_process()

    def _stop_process(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGTSTP)
        signal.raise_signal(signal.SIGTSTP)  # not SIGSTOP: where no shell could let us go on, this does nothing
        loop.add_signal_handler(signal.SIGTSTP, self._suspend)

    def _continue(self) -> None:
        """`fg`, also after `bg`: only in the foreground are keys heard."""
        if self._prompting is None:
            self._keys.listen()

    async def _invoke(self) -> None:
        """Let `pgconductor invoke` have the terminal for a while."""
        self._keys.rest()
        with self._front.aside():
            try:
                await self._prompt()
            finally:  # before the footer is back, which says that keys are heard
                self._prompting = None
                self._keys.listen()

    async def _prompt(self) -> None:
        command = (sys.executable, "-P", "-m", "pgconductor", *self._selected, "invoke")
        prompt = await asyncio.create_subprocess_exec(*command)
        try:
            await prompt.wait()
        except asyncio.CancelledError:
            prompt.kill()
            await prompt.wait()
            raise


def _summary(totals: dict[str, int], seconds: float) -> str:
    said = [f"{count:,} {name}" for name, count in totals.items() if count or name == "completed"]
    return f"stopped: {', '.join(said)} in {seconds:.1f} s"
