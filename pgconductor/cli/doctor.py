"""`pgconductor doctor`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from pgconductor.cli.figures import counted
from pgconductor.cli.output import put, put_json, say, wants_color, with_json
from pgconductor.cli.project import open_project
from pgconductor.cli.selection import select_plan
from pgconductor.store.health.doctor import examine
from pgconductor.store.health.finding import Finding, Severity

_COLORS: dict[Severity, str] = {"ok": "green", "note": "cyan", "warning": "yellow", "error": "red"}


@click.command()
@with_json
@select_plan
def command(as_json: bool) -> int:
    """Look for what is wrong, or soon will be, and say what to do about it.

    The server and its settings, the way to it, the schema, dead rows and who keeps them, workers and queues. Nothing is
    changed. Exits with 1 if there is a warning or an error.
    """
    project = open_project()
    with project.endpoint() as endpoint:
        if not as_json:
            say(f"looking at {project.called(endpoint)}")
        findings = []
        for finding in examine(endpoint, project.plan):
            findings.append(finding)
            if not as_json:
                put("\n".join(_lines(finding)))
    wrong = sum(finding.wrong for finding in findings)
    if as_json:
        put_json({"ok": wrong == 0, "findings": [asdict(finding) for finding in findings]})
    else:
        say(f"{counted(wrong, 'finding')} to see to" if wrong else "all is well")
    return 1 if wrong else 0


def _lines(finding: Finding) -> Iterator[str]:
    severity = f"{finding.severity:7}"
    if wants_color(sys.stdout):
        severity = click.style(severity, fg=_COLORS[finding.severity], bold=finding.wrong)
    yield f"{severity}  {finding.check:11}  {finding.summary}"
    if finding.advice is not None:
        yield f"{'':22}{finding.advice}"
