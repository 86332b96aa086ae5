"""How a dev session is shown: as lines, or as lines above a footer."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from pgconductor.cli.logs import configure_logs
from pgconductor.cli.output import complain, wants_color
from pgconductor.cli.problems import text_of
from pgconductor.dev.front import Status
from pgconductor.errors import ConductorError

if TYPE_CHECKING:
    from rich.console import RenderableType

logger = logging.getLogger("pgconductor.dev")

LEAVING = "stopping when what runs has ended; once more to give it back at once"
HURRYING = "giving back what still runs"


class LineFront:
    """Lines alone: for logs, pipes and programs.

    Args:
        format: "text" or "json".
        level: the lowest that is shown.
    """

    def __init__(self, format: str, level: str) -> None:
        self._as_json = format == "json"
        configure_logs(format=format, level=level)

    def problem(self, error: ConductorError) -> None:
        if self._as_json:
            logger.error("%s", error)
        else:
            complain(text_of(error))

    def trace(self, text: str) -> None:
        if self._as_json:
            logger.error("%s", text)
        else:
            click.echo(text, err=True)

    def line(self, text: str, is_error: bool) -> None:
        click.echo(text, err=is_error)

    def leaving(self, *, again: bool) -> None:
        logger.info(HURRYING if again else LEAVING)

    @contextmanager
    def showing(self, status: Callable[[], Status]) -> Iterator[None]:
        """Nothing to keep up to date."""
        yield

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Lines disturb nobody."""
        yield


class ScreenFront:
    """Lines, and below them what goes on now and which keys there are.

    Args:
        level: the lowest that is shown.
    """

    def __init__(self, level: str) -> None:
        from pgconductor.cli.display import ConsoleHandler, Screen

        self._status: Callable[[], Status] | None = None
        self._screen = Screen(self)
        self._handler = ConsoleHandler(self._screen.console)
        self._held: list[Callable[[], None]] | None = None
        self._stdout = sys.stdout
        self._handler.addFilter(self._hold_record)
        configure_logs(self._handler, level=level)

    def draw(self) -> RenderableType:
        """The footer."""
        from pgconductor.cli.footer import footer

        return footer(self._status()) if self._status is not None else ""

    def problem(self, error: ConductorError) -> None:
        self._print(text_of(error, color=wants_color(sys.stderr)))

    def trace(self, text: str) -> None:
        self._print(text)

    def line(self, text: str, is_error: bool) -> None:
        if is_error or self._stdout.isatty():
            self._print(text)
        else:
            self._stdout.write(text + "\n")
            self._stdout.flush()

    def leaving(self, *, again: bool) -> None:
        logger.warning(HURRYING if again else LEAVING)

    @contextmanager
    def showing(self, status: Callable[[], Status]) -> Iterator[None]:
        """Keep the footer up to date."""
        self._status = status
        with self._screen:
            drawing = asyncio.create_task(self._screen.keep_drawing())
            try:
                yield
            finally:
                drawing.cancel()
                self._status = None

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leave the terminal to somebody else; what is said meanwhile is shown afterwards."""
        self._held = []
        self._screen.suspend()
        try:
            yield
        finally:
            held, self._held = self._held, None
            self._screen.resume()
            for show in held:
                show()

    def _print(self, text: str) -> None:
        from rich.text import Text

        def show() -> None:
            self._screen.console.print(Text.from_ansi(text), soft_wrap=True)

        if self._held is None:
            show()
        else:
            self._held.append(show)

    def _hold_record(self, record: logging.LogRecord) -> bool:
        if self._held is None:
            return True
        self._held.append(lambda: self._handler.emit(record))
        return False
