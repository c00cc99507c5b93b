"""taskspec stop"""

from __future__ import annotations

from pathlib import Path

import click

from taskspec import operations, standing, statefile
from taskspec.cli import options
from taskspec.errors import ExitCode
from taskspec.state.database import is_there
from taskspec.view.paint import clean


@click.command("stop")
@options.spec_argument
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@options.lock_timeout_option
def command(spec: Path | None, addresses: tuple[str, ...], lock_timeout: float) -> int:
    """Stop what this spec started and still runs, youngest first; with ADDRESSes only those. Touches nothing else."""
    request = options.request(spec)
    server = options.server()
    project = operations.open_project(request, variables_required=False)
    path = statefile.state_path(project, request, server)
    if not is_there(path):
        click.echo("Nothing was launched yet.")
        return ExitCode.DONE
    stopped: list[str] = []

    def told(address: str, task_id: int, problem: str) -> None:
        if problem:
            click.echo(f"{clean(address)}: launch {task_id} could not be stopped: {clean(problem)}", err=True)
        else:
            stopped.append(address)
            click.echo(f"{clean(address)}: launch {task_id} stopped")

    with statefile.writing(path, options.turn(lock_timeout)) as store:
        failed = standing.stop(server, store, addresses, told)
    if not stopped and not failed:
        click.echo("Nothing is running.")
    return ExitCode.TASK_FAILED if failed else ExitCode.DONE
