"""Names in the generated code, and who asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgconductor.config import codes

if TYPE_CHECKING:
    from pgconductor.config.node import Node


class Claims:
    """Who asks for which generated name; the second to ask is told of the first."""

    def __init__(self) -> None:
        self.owners: dict[tuple[str, str], tuple[str, Node]] = {}

    def claim(self, kind: str, name: str, owner: str, node: Node) -> None:
        """Note that `owner` needs the name; report it at `node` if another has it."""
        first, place = self.owners.setdefault((kind, name), (owner, node))
        if first != owner:
            node.report(
                codes.COLLISION,
                f"{owner} and {first} would both give the {kind} `{name}`",
                "rename one of them",
                at="key",
                related=(place, first),
            )
