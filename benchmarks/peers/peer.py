"""Whom we compare ourselves with: what each needs installed and how much work it is given."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One system that does the work.

    Attributes:
        name: as its registry calls it.
        program: its file in this folder, which speaks `protocol.py`.
        packages: what to install from PyPI, or from npm for a .mjs program. None at all: it runs where we run.
        python: the oldest Python that it runs on.
        share: of the jobs, so that slow ones do not take minutes; rates compare all the same.
    """

    name: str
    program: str
    packages: tuple[str, ...] = ()
    python: tuple[int, int] = (3, 11)
    share: float = 1.0

    @property
    def runs_on_node(self) -> bool:
        return self.program.endswith(".mjs")

    @property
    def module(self) -> str:
        """The program's name for `python -m`."""
        return f"benchmarks.peers.{self.program.removesuffix('.py')}"


PEERS = (
    Peer("pgconductor", "ours.py"),
    Peer("graphile-worker", "graphile_worker.mjs", ("graphile-worker",)),
    Peer("pgqueuer", "pgqueuer.py", ("pgqueuer[asyncpg]", "uvloop", "pydantic")),
    Peer("oban", "oban.py", ("oban", "pydantic"), python=(3, 12), share=0.2),
    Peer("procrastinate", "procrastinate.py", ("procrastinate", "psycopg[binary]", "pydantic"), share=0.04),
)
