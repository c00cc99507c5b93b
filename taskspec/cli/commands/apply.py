"""taskspec apply"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from taskspec.cli import options, terminal
from taskspec.cli.event_output import JsonLines, PlainLines
from taskspec.engine.apply_loop import Apply
from taskspec.engine.events import Listener, RunReport
from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.launches.context import POLL_LONGEST, Pace
from taskspec.errors import ExitCode
from taskspec.operations import state_file
from taskspec.operations.apply import prepare_apply, real_environment
from taskspec.operations.plan import make
from taskspec.operations.project import Request, open_project
from taskspec.operations.state_file import LockWait
from taskspec.plan.model import Plan
from taskspec.plan.plan_inputs import Selection
from taskspec.view.diagnostic import draw_all
from taskspec.view.plan_text import draw_plan
from taskspec.view.report_text import draw_report
from taskspec.view.terminal_text import Paint

LOCAL_POLL_SECONDS = 0.25
"""The longest pause between two polls of the local server."""


@click.command("apply")
@options.spec_argument
@options.variable_options
@options.allow_cmd_option
@options.selection_options
@click.option("--parallelism", type=click.IntRange(1, 10_000), default=8, show_default=True, help="Launches at a time.")
@click.option("-y", "--auto-approve", is_flag=True, help="Do not ask, even at a terminal.")
@click.option(
    "--results-grace",
    type=click.FloatRange(0, 3600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the declared results of a finished launch.",
)
@click.option(
    "--on-interrupt",
    type=click.Choice([str(mode) for mode in OnInterrupt]),
    default=str(OnInterrupt.DETACH),
    show_default=True,
    help="What Ctrl-C and SIGTERM do with launches that run.",
)
@click.option(
    "--deadline", type=options.duration, metavar="DURATION", help="Detach after so long: 90s, 30m, 12h. Default: never."
)
@click.option(
    "--fail-fast/--keep-going",
    default=None,
    help="After a failure, start no other task, or continue with independent tasks. Default: `fail_fast` of the spec.",
)
@options.lock_timeout_option
@click.option("--allow-local", is_flag=True, help="Let tasks of kind local run their commands on this machine.")
@click.option("--rehearse", is_flag=True, help="Simulate the run on a virtual clock; nothing is launched.")
@click.option("--faults", type=options.FilePath(), metavar="FILE", help="The faults of the rehearsal (YAML).")
@click.option("--seed", type=int, default=0, show_default=True, help="The seed of the durations in the rehearsal.")
@click.option("--full", is_flag=True, help="Every detail of the plan, however many tasks there are.")
@options.json_option
@options.no_color_option
def command(
    request: Request,
    selection: Selection,
    parallelism: int,
    auto_approve: bool,
    results_grace: float,
    on_interrupt: str,
    deadline: float | None,
    fail_fast: bool | None,
    lock_wait: LockWait,
    allow_local: bool,
    rehearse: bool,
    faults: Path | None,
    seed: int,
    full: bool,
    as_json: bool,
    no_color: bool,
) -> int:
    """Carry out the plan: launch, wait, read results and publish outputs, in the order of the graph.

    Safe to interrupt and to repeat: Ctrl-C leaves launches running, and the next apply attaches to them.
    """
    server = options.server(request)
    pace = Pace(
        parallelism=parallelism,
        results_grace=results_grace,
        poll_longest=LOCAL_POLL_SECONDS if server.is_local else POLL_LONGEST,
        on_interrupt=OnInterrupt(on_interrupt),
        deadline=deadline,
        fail_fast=fail_fast,
    )
    paint, error_paint = terminal.paint(no_color=no_color), terminal.error_paint(no_color=no_color)
    if rehearse or faults is not None:
        # Only a rehearsal needs its server and its clock.
        from taskspec.cli.rehearse import play_rehearsal  # noqa: PLC0415 - see above

        return _exit_code(play_rehearsal(request, selection, pace, faults, seed, paint, as_json=as_json, full=full))
    project = open_project(request)
    path = state_file.state_path(project, request, server)
    commands = path.with_suffix(".commands") if allow_local else None
    with state_file.writing(path, lock_wait) as store:
        planned = make(project, server, store.load(), selection)
        if not as_json:
            click.echo(draw_all(planned.plan.warnings, error_paint), err=True, nl=False)
            click.echo(draw_plan(planned.plan, paint, full=full), nl=False)
            if not planned.plan.has_changes:
                return ExitCode.DONE
        environment = real_environment(project, server, planned.plan, commands=commands)
        if not _approved(planned.plan, auto_approve=auto_approve or as_json):
            return ExitCode.INTERRUPTED
        with _listener(as_json=as_json, paint=error_paint) as listener:
            run = prepare_apply(project, server, planned, store, listener, pace, environment)
            with _handle_interrupts(run):
                report = run.execute()
    if not as_json:
        click.echo(f"\n{draw_report(report, paint, spec=request.shown_as)}", nl=False)
    return _exit_code(report)


def _exit_code(report: RunReport) -> ExitCode:
    """Interrupted beats failed, failed beats pending, pending beats done."""
    if report.detached:
        return ExitCode.DETACHED if report.counts.get("running") else ExitCode.INTERRUPTED
    if report.failed:
        return ExitCode.TASK_FAILED
    return ExitCode.PENDING if report.pending else ExitCode.DONE


def _approved(plan: Plan, *, auto_approve: bool) -> bool:
    if auto_approve or not plan.needs_approval or not terminal.can_ask():
        return True
    goes_on = click.confirm("\nApply this plan?", default=False)
    if not goes_on:
        click.echo("No changes were made.")
    return goes_on


@contextmanager
def _handle_interrupts(run: Apply) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM interrupts the run; the second one exits at once, which is equally safe."""
    asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signal module's signature
        nonlocal asked
        if asked:
            os._exit(ExitCode.INTERRUPTED)
        asked = True
        run.interrupt()

    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _listener(*, as_json: bool, paint: Paint) -> Iterator[Listener]:
    if as_json:
        yield JsonLines()
    elif terminal.is_live():
        # rich costs start-up time, and only a terminal needs it.
        from rich.console import Console  # noqa: PLC0415 - see above

        from taskspec.view.live_table import live_table  # noqa: PLC0415 - see above

        with live_table(Console(stderr=True, no_color=not paint.enabled)) as table:
            yield table
    else:
        yield PlainLines(paint)
