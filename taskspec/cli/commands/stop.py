"""taskspec stop"""

from __future__ import annotations

from pathlib import Path

import click

from taskspec.cli import options
from taskspec.engine.server.connection import Server
from taskspec.errors import ExitCode, SpecError
from taskspec.operations import state_admin, state_file, status
from taskspec.operations.project import Request, open_project
from taskspec.operations.state_file import LockWait
from taskspec.state.database import is_there
from taskspec.view.terminal_text import clean


def _place(request: Request, server: Server) -> Path:
    """The path of the state. Launches can be stopped even if the spec has mistakes."""
    try:
        project = open_project(options.without_secrets(request), variables_required=False)
    except SpecError:
        path = state_admin.place(request, server)
        click.echo(
            "The spec has mistakes (see taskspec validate). Its launches on record are stopped anyway.", err=True
        )
        return path
    return state_file.state_path(project, request, server)


@click.command("stop")
@options.spec_argument
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@options.lock_timeout_option
def command(request: Request, addresses: tuple[str, ...], lock_wait: LockWait) -> int:
    """Stop launches of this spec that still run, the youngest first; with ADDRESSes only those."""
    server = options.server(request)
    path = _place(request, server)
    if not is_there(path):
        click.echo("Nothing was launched yet.")
        return ExitCode.DONE
    stopped: list[str] = []

    def report(address: str, task_id: int, problem: str) -> None:
        if problem:
            click.echo(f"{clean(address)}: launch {task_id} could not be stopped: {clean(problem)}", err=True)
        else:
            stopped.append(address)
            click.echo(f"{clean(address)}: launch {task_id} stopped")

    with state_file.writing(path, lock_wait) as store:
        failed = status.stop(server, store, addresses, report)
    if not stopped and not failed:
        click.echo("Nothing is running.")
    return ExitCode.TASK_FAILED if failed else ExitCode.DONE
