"""A process that applies a plan the moment it is told to, as one of many."""

from __future__ import annotations

import sys

from pgconductor.plan.model import Plan
from pgconductor.store.apply import apply


def main() -> None:
    url, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        plan = Plan.from_json(file.read())
    print("ready", flush=True)
    sys.stdin.readline()
    print(len(apply(url, plan).changes), flush=True)


if __name__ == "__main__":
    main()
