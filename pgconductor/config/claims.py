"""Names of generated models, and who asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgconductor.config import codes

if TYPE_CHECKING:
    from pgconductor.config.node import Node


class Claims:
    """Who asks for which model; the second to ask is told of the first."""

    def __init__(self) -> None:
        self.owners: dict[str, tuple[str, Node]] = {}

    def claim(self, name: str, owner: str, node: Node) -> None:
        """Note that `owner` needs a model of this name; report it at `node` if another has it."""
        first, place = self.owners.setdefault(name, (owner, node))
        if first != owner:
            node.report(
                codes.COLLISION,
                f"{owner} and {first} would both give the model `{name}`",
                "rename one of them",
                at="key",
                related=(place, first),
            )
