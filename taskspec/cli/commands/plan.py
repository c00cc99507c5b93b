"""taskspec plan"""

from __future__ import annotations

import click

from taskspec.cli import options, terminal
from taskspec.errors import ExitCode
from taskspec.operations.offline_plan import not_checked, plan_offline
from taskspec.operations.plan import make
from taskspec.operations.project import Request, open_project
from taskspec.plan.plan_inputs import Selection
from taskspec.view.diagnostic import draw_all
from taskspec.view.plan_text import draw_plan
from taskspec.view.terminal_text import clean


@click.command("plan")
@options.spec_argument
@options.variable_options
@options.allow_cmd_option
@options.selection_options
@click.option("--offline", is_flag=True, help="Use no server, commands or secrets; list what is not checked.")
@click.option("--full", is_flag=True, help="Every detail of every task, however many there are.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when apply would change something.")
@options.json_option
@options.no_color_option
def command(
    request: Request,
    selection: Selection,
    offline: bool,
    full: bool,
    detailed_exitcode: bool,
    as_json: bool,
    no_color: bool,
) -> int:
    """Show what apply would launch, with which params, and why. No changes are made.

    \b
    + start: never launched          ± rerun: launched before, and something changed
    > attach: watch a running launch ~ publish: only its outputs changed
    = keep: reuse its results        - stop: running, but no longer needed
    ○ skip: its condition is false
    """
    if offline:
        server, project = options.server(request), open_project(options.without_secrets(request))
        plan = plan_offline(project, request, server, selection)
        for line in not_checked(project, plan):
            click.echo(f"Not checked: {clean(line)}.", err=True)
    else:
        server, project, state = options.opened(request)
        plan = make(project, server, state, selection).plan
    if as_json:
        from taskspec.view.json_documents import plan_document  # noqa: PLC0415 - only --json needs it

        options.print_json(plan_document(plan))
    else:
        click.echo(draw_all(plan.warnings, terminal.error_paint(no_color=no_color)), err=True, nl=False)
        click.echo(draw_plan(plan, terminal.paint(no_color=no_color), full=full), nl=False)
    return ExitCode.HAS_CHANGES if detailed_exitcode and plan.has_changes else ExitCode.DONE
