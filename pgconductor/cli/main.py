"""`pgconductor`: the entry point, its global options, and what errors become."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence

from pgconductor.cli.interrupts import ending_at_once

with ending_at_once():
    import click

    from pgconductor.cli.output import complain
    from pgconductor.cli.problems import text_of
    from pgconductor.cli.selection import select_project
    from pgconductor.cli.verbs import Verbs
    from pgconductor.errors import ConductorError

INTERRUPTED = 130


@click.command(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 ok, 1 failure, 2 usage, 3 invalid configuration, 4 out of date, 5 destructive change "
    "refused, 6 database unreachable or incompatible, 130 interrupted.",
)
@select_project
def group() -> None:
    """Durable background work on nothing but Postgres, declared in conductor.toml."""


def main() -> None:
    """The console script."""
    # Until the verb is imported, which stays for good: to look for garbage in that, and once more at the end, took a
    # fourth of `generate --check`.
    gc.disable()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What this stdout has no letter for is shown by its number, as stderr does; it would be a traceback.
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run one command line.

    Returns:
        Its exit code. Everything for people went to stderr, data to stdout.
    """
    try:
        returned = group.main(list(argv), prog_name="pgconductor", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ConductorError as error:
        complain(text_of(error))
        return error.exit_code
    return returned if isinstance(returned, int) else 0
