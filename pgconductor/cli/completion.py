"""`pgconductor completion bash|zsh|fish`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from pgconductor.cli.output import put

# What click looks for when the shell asks the installed command.
VARIABLE = "_PGCONDUCTOR_COMPLETE"
WAYS = {
    "bash": 'eval "$(pgconductor completion bash)"  # in ~/.bashrc',
    "zsh": 'eval "$(pgconductor completion zsh)"  # in ~/.zshrc',
    "fish": "pgconductor completion fish > ~/.config/fish/completions/pgconductor.fish",
}


@click.command(epilog="\b\nFor good:\n" + "\n".join(f"  {way}" for way in WAYS.values()))
@click.argument("shell", type=click.Choice(list(WAYS)))
def command(shell: str) -> None:
    """Print what makes a shell complete verbs and options."""
    from pgconductor.cli.main import group

    found = get_completion_class(shell)
    assert found is not None
    put(found(group, {}, "pgconductor", VARIABLE).source().strip())
