"""taskspec validate"""

from __future__ import annotations

import json

import click

from taskspec.cli import options, terminal
from taskspec.errors import ExitCode, SpecError
from taskspec.operations.project import Request, open_project
from taskspec.operations.validate import validate
from taskspec.template.expansion.for_each import item_limit
from taskspec.view.diagnostic import draw_all
from taskspec.view.json_documents import diagnostic_document


@click.command("validate")
@options.spec_argument
@options.variable_options
@options.json_option
@options.no_color_option
def command(request: Request, as_json: bool, no_color: bool) -> int:
    """Check a spec: YAML, shape, expressions, references, app folders. It needs no server and launches nothing.

    Every problem is reported with its place. Exit code 0: valid, 3: not valid.
    """
    try:
        project = open_project(request, variables_required=False)
        found = validate(project, options.server(request))
    except SpecError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"valid": False, "problems": [diagnostic_document(d) for d in error.diagnostics]}))
        return ExitCode.SPEC
    if as_json:
        click.echo(json.dumps({"valid": True, "problems": [diagnostic_document(d) for d in found]}))
        return ExitCode.DONE
    click.echo(draw_all(found, terminal.error_paint(no_color=no_color)), err=True, nl=False)
    tasks = len(project.spec.tasks)
    instances = sum(item_limit(i.task) if i.is_folded else 1 for i in project.expansion.instances)
    click.echo(f"{request.shown_as} is valid: {tasks} task{'s' * (tasks != 1)}, {instances} to launch at most.")
    return ExitCode.DONE
