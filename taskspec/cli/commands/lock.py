"""taskspec lock"""

from __future__ import annotations

import json
import time

import click

from taskspec.cli import options, terminal
from taskspec.errors import ExitCode, UsageError
from taskspec.operations import state_admin
from taskspec.operations.project import Request
from taskspec.state.lease import this_owner
from taskspec.view.state_text import draw_lease, lease_document
from taskspec.view.terminal_text import clean

NOT_HELD = "No process writes to this state."


@click.group("lock")
def command() -> None:
    """The process that writes to the state of a spec: show, break.

    Only one apply or stop writes at a time. Commands that read (plan, status, results, runs, state list) never wait.
    """


@command.command("show")
@options.spec_argument
@options.json_option
@options.no_color_option
def show(request: Request, as_json: bool, no_color: bool) -> None:
    """The process that writes now, since when, and whether its lease has expired."""
    lease = state_admin.holder(state_admin.place(request, options.server(request)))
    if as_json:
        click.echo(json.dumps(lease_document(lease, this_owner(), time.time())))
    elif lease is None:
        click.echo(NOT_HELD)
    else:
        click.echo(draw_lease(lease, this_owner(), time.time(), terminal.paint(no_color=no_color)), nl=False)


@command.command("break")
@options.spec_argument
@options.why_option
@click.option("-y", "--yes", "sure", is_flag=True, help="Do not ask.")
def break_lock(request: Request, why: str, sure: bool) -> int:
    """Take the lease from its owner, which can never write again.

    This is not needed when the owner has ended: the next apply notices it, at once on the same machine, after a minute
    on another. Launches of the owner keep running, and the next apply attaches to them.
    """
    path = state_admin.place(request, options.server(request))
    lease = state_admin.holder(path)
    if lease is None:
        click.echo(NOT_HELD)
        return ExitCode.DONE
    who = clean(lease.owner.describe())
    if not sure and not terminal.can_ask():
        raise UsageError(
            "cannot ask for confirmation without a terminal", remedy=f"add -y to take the lease from {who}"
        )
    if not sure:
        click.echo(draw_lease(lease, this_owner(), time.time(), terminal.paint()), nl=False)
        if not click.confirm("\nBreak it?", default=False):
            click.echo("No changes were made.")
            return ExitCode.INTERRUPTED
    state_admin.break_lock(path, lease, state_admin.this_actor(why))
    click.echo(f"{who} can no longer write to this state.")
    return ExitCode.DONE
