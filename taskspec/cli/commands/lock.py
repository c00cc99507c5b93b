"""taskspec lock"""

from __future__ import annotations

import json
import time

import click

from taskspec import upkeep
from taskspec.cli import options, screen
from taskspec.errors import ExitCode, UsageError
from taskspec.operations.project import Request
from taskspec.state.lease import this_owner
from taskspec.view.paint import clean
from taskspec.view.upkeep import draw_lease, lease_document

NOBODY = "Nobody writes to this state."


@click.group("lock")
def command() -> None:
    """Who writes to the state of a spec: show, break.

    One apply or stop at a time writes. Whoever reads (plan, status, results, runs, state list) never waits for it.
    """


@command.command("show")
@options.spec_argument
@options.json_option
@options.no_color_option
def show(request: Request, as_json: bool, no_color: bool) -> int:
    """Who writes now, since when, and whether that writer is over."""
    lease = upkeep.holder(upkeep.place(request, options.server(request.secrets)))
    if as_json:
        click.echo(json.dumps(lease_document(lease, this_owner(), time.time())))
    elif lease is None:
        click.echo(NOBODY)
    else:
        click.echo(draw_lease(lease, this_owner(), time.time(), screen.paint(no_color=no_color)), nl=False)
    return ExitCode.DONE


@command.command("break")
@options.spec_argument
@options.why_option
@click.option("-y", "--yes", "sure", is_flag=True, help="Do not ask.")
def break_lock(request: Request, why: str, sure: bool) -> int:
    """Take the right to write from whoever has it; that writer can never write again.

    A dead writer needs no breaking: the next apply sees it, at once on the same machine, after a minute on another.
    What the writer has launched goes on, and the next apply attaches to it.
    """
    path = upkeep.place(request, options.server(request.secrets))
    lease = upkeep.holder(path)
    if lease is None:
        click.echo(NOBODY)
        return ExitCode.DONE
    who = clean(lease.owner.describe())
    if not sure and not screen.can_ask():
        raise UsageError(f"nobody is here to be asked whether to stop {who} from writing", remedy="say so with -y")
    if not sure:
        click.echo(draw_lease(lease, this_owner(), time.time(), screen.paint()), nl=False)
        if not click.confirm("\nBreak it?", default=False):
            click.echo("Nothing was done.")
            return ExitCode.INTERRUPTED
    upkeep.break_lock(path, lease, upkeep.this_actor(why))
    click.echo(f"{who} can no longer write to this state.")
    return ExitCode.DONE
