"""The footer of a dev session. Needs rich."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from pgconductor.dev.front import Status

KEYS = (("r", "restart"), ("g", "generate"), ("p", "pause"), ("i", "invoke"), ("q", "quit"))
_STYLES = {"serving": "green", "starting": "yellow", "paused": "yellow", "stopping": "yellow"}


def footer(status: Status) -> RenderableType:
    """What goes on: the state and the plan, the queues, the keys. One line each, cut where the terminal ends."""
    return Group(*(_line(parts) for parts in (_head(status), _queues(status), _keys(status)) if parts))


def _head(status: Status) -> list[Text]:
    parts = [Text(status.application, "bold"), Text(status.note, _STYLES.get(status.note, "red"))]
    if status.generation:
        parts += [Text(f"plan {status.plan}", "dim"), Text(f"generation {status.generation}", "dim")]
    done, failed = status.totals["completed"], status.totals["failed"]
    parts.append(Text(f"{done:,} done", "green" if done else "dim"))
    parts.append(Text(f"{failed:,} failed", "red" if failed else "dim"))
    return parts


def _queues(status: Status) -> list[Text]:
    return [
        Text(f"{name} {running}/{limit}", "cyan" if running else "dim")
        for name, (running, limit) in status.queues.items()
    ]


def _keys(status: Status) -> list[Text]:
    names = {"p": "resume"} if status.note == "paused" else {}
    return [Text.assemble((key, "bold"), " ", (names.get(key, name), "dim")) for key, name in KEYS]


def _line(parts: list[Text]) -> Text:
    line = Text("  ").join(parts)
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
