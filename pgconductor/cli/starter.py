"""The files of a new project, fitted into what is there already."""

from __future__ import annotations

import keyword
import re
import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from pgconductor.build.editorschema import DIRECTIVE
from pgconductor.cli.layout import read_layout
from pgconductor.errors import ConductorError

CONFIG = """\
{directive}
#
# What runs, declared. `pgconductor generate` compiles it; `pgconductor check` says what is wrong with it.

[conductor]
format = 1
name = "{name}"

# Without a database of your own an embedded Postgres serves this folder, from .pgconductor/.
# [database]
# url = "${{DATABASE_URL}}"

[generate]
package = "{package}.conductor"
{source_root}
[tasks.send_email]
description = "Send one message."
handler = "{package}.{module}:send_email"
retry = {{ max_attempts = 5, backoff = "exponential", initial = "2s", max = "5m" }}

[tasks.send_email.payload]
to = "email"
subject = "str(min_length=1)"

[tasks.send_email.returns]
message_id = "str"
"""

HANDLERS = '''\
"""The handlers that conductor.toml names."""

from {package}.conductor import tasks
from {package}.conductor.models import SendEmailPayload, SendEmailResult


async def send_email(payload: SendEmailPayload, ctx: tasks.Context) -> SendEmailResult:
    # Yours to fill in: whatever it raises is retried as conductor.toml says.
    ctx.logger.info("to %s: %s", payload.to, payload.subject)
    return SendEmailResult(message_id=str(ctx.execution_id))
'''

# Of a package, whose name is the application's too; that may have no more than 63 characters.
MAX_NAME = 48

# Names of the module that holds the first handler; the first that is free is taken.
MODULES = ("mail", "conductor_mail")


@dataclass(frozen=True)
class Starter:
    """A new project.

    Attributes:
        name: of the application.
        files: text by path, relative to the project's folder.
    """

    name: str
    files: dict[str, str]


def plan_starter(directory: Path, name: str | None) -> Starter:
    """What `init` would write into `directory`, which need not exist.

    Args:
        name: of the application; by default that of the package that is there, of pyproject.toml, or of the folder.

    Raises:
        ConductorError: no name can be made of it.
    """
    layout = read_layout(directory)
    package = _identifier(name) if name else layout.package
    package = package or _identifier(layout.name or directory.resolve().name)
    folder = Path(layout.root, package)
    module = next((module for module in MODULES if not (directory / folder / f"{module}.py").exists()), MODULES[0])
    # As the compiler would have it where nothing is said.
    default = "src" if (directory / "src").is_dir() else "."
    root = "" if layout.root == default else f'source_root = "{layout.root}"\n'
    words = {"name": package, "package": package, "module": module, "source_root": root, "directive": DIRECTIVE}
    files = {"conductor.toml": CONFIG.format(**words)}
    if not (directory / folder / "__init__.py").exists():
        files[str(folder / "__init__.py")] = ""
    files[str(folder / f"{module}.py")] = HANDLERS.format(**words)
    return Starter(package, files)


def _identifier(name: str) -> str:
    """A package's name: lower case, of letters, digits and underscores, and in nobody's way."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter))
    word = re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:MAX_NAME].strip("_")
    if word and word[0].isdigit():
        word = f"app_{word}"
    if not word:
        raise ConductorError(f"no package can be named after `{name}`; choose a name with `--name`")
    taken = keyword.iskeyword(word) or word in sys.stdlib_module_names or word in ("pgconductor", "conductor", "tests")
    return f"{word}_app" if taken else word
