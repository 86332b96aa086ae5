"""codes.md: every code, as `pgconductor explain` has it."""

from __future__ import annotations

from pgconductor.cli.codes import CODES

INTRODUCTION = """\
# Codes

Every problem that a command shows has a code that keeps its meaning for ever. `pgconductor explain CODE` says the same
as this page, which is written from the catalogue by `python -m docs.reference`.

| codes | about |
|---|---|
{families}
"""
FAMILIES = {
    "CFG0": ("CFG0xx", "syntax and format"),
    "CFG1": ("CFG1xx", "keys and values"),
    "CFG2": ("CFG2xx", "references"),
    "CFG3": ("CFG3xx", "types"),
    "CFG4": ("CFG4xx", "schedules, windows and time zones"),
    "CFG5": ("CFG5xx", "names and limits"),
    "CFG6": ("CFG6xx", "`${VAR}`"),
    "CFG7": ("CFG7xx", "included files"),
    "DB1": ("DB1xx", "the database"),
    "GEN1": ("GEN1xx", "generated files"),
    "ROW1": ("ROW1xx", "rows that are queued already"),
    "RUN1": ("RUN1xx", "handlers"),
}


def page() -> str:
    families = "\n".join(f"| {name} | {about} |" for name, about in FAMILIES.values())
    parts = [INTRODUCTION.format(families=families)]
    family = ""
    for code in sorted(CODES.values(), key=str):
        name, about = FAMILIES[code.code[:-2]]
        if name != family:
            parts.append(f"## {name}: {about}\n")
            family = name
        parts.append(f"### {code.code}\n\n**{code.title}**\n\n{code.explanation}\n")
    return "\n".join(parts)
