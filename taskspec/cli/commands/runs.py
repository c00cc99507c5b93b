"""taskspec runs"""

from __future__ import annotations

from dataclasses import asdict

import click

from taskspec.cli import options
from taskspec.operations.project import Request
from taskspec.state.model import RunRecord


@click.command("runs")
@options.spec_argument
@options.json_option
def command(request: Request, as_json: bool) -> None:
    """Past applies of a spec, the newest first."""
    _, _, state = options.opened(request, variables_required=False)
    runs = list(reversed(state.runs))
    if as_json:
        options.print_json({"taskspec_runs": 1, "runs": [asdict(run) for run in runs]})
    else:
        click.echo("\n".join(map(_line, runs)) or "There were no runs yet.")


def _line(run: RunRecord) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in run.counts.items())
    return f"{run.run}  {run.started_at}  {counts or ('cut off' if not run.ended_at else 'nothing to do')}"
