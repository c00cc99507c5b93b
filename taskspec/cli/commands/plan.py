"""taskspec plan"""

from __future__ import annotations

import json
from pathlib import Path

import click

from taskspec import operations
from taskspec.cli import options, screen
from taskspec.errors import ExitCode
from taskspec.view.diagnostic import draw_all
from taskspec.view.human import draw_plan


@click.command("plan")
@options.spec_argument
@options.variable_options
@options.trust_options
@options.selection_options
@click.option("--full", is_flag=True, help="Every detail of every task, however many there are.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when apply would change something.")
@options.json_option
@options.no_color_option
def command(
    spec: Path | None,
    var_flags: tuple[str, ...],
    var_files: tuple[Path, ...],
    targets: tuple[str, ...],
    excludes: tuple[str, ...],
    reruns: tuple[str, ...],
    full: bool,
    detailed_exitcode: bool,
    as_json: bool,
    no_color: bool,
) -> int:
    """Show what apply would launch, with which params, and why. Nothing is touched.

    \b
    + start: never launched          ± rerun: launched before, and something changed
    > attach: take over what runs    ~ publish: only its outputs changed
    = keep: reuse its results        - stop: runs, and left the spec
    """
    request = options.request(spec, var_flags, var_files)
    server = options.server()
    project = operations.open_project(request)
    state = operations.read_state(operations.state_path(project, request, server))
    plan = operations.make(project, server, state, options.selection(targets, excludes, reruns)).plan
    if as_json:
        from taskspec.view.machine import plan_document  # noqa: PLC0415 - people wait for what only programs read

        click.echo(json.dumps(plan_document(plan), ensure_ascii=False))
    else:
        click.echo(draw_all(plan.warnings, screen.error_paint(no_color=no_color)), err=True, nl=False)
        click.echo(draw_plan(plan, screen.paint(no_color=no_color), full=full), nl=False)
    return ExitCode.HAS_CHANGES if detailed_exitcode and plan.has_changes else ExitCode.DONE
