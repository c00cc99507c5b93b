"""taskspec runs"""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from taskspec.cli import options
from taskspec.errors import ExitCode
from taskspec.operations import state_file
from taskspec.operations.project import Request, open_project
from taskspec.state.model import RunRecord


@click.command("runs")
@options.spec_argument
@options.json_option
def command(request: Request, as_json: bool) -> int:
    """Past applies of a spec, the newest first."""
    server = options.server(request.secrets)
    project = open_project(request, variables_required=False)
    runs = list(reversed(state_file.read_state(state_file.state_path(project, request, server)).runs))
    if as_json:
        click.echo(json.dumps({"taskspec_runs": 1, "runs": [asdict(run) for run in runs]}, ensure_ascii=False))
        return ExitCode.DONE
    for run in runs:
        click.echo(_line(run))
    if not runs:
        click.echo("There were no runs yet.")
    return ExitCode.DONE


def _line(run: RunRecord) -> str:
    counts = ", ".join(f"{count} {outcome}" for outcome, count in run.counts.items())
    return f"{run.run}  {run.started_at}  {counts or ('cut off' if not run.ended_at else 'nothing to do')}"
