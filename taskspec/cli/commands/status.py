"""taskspec status"""

from __future__ import annotations

import click

from taskspec.cli import options, terminal
from taskspec.operations import status
from taskspec.operations.project import Request
from taskspec.plan.deferred_tasks import addresses_in_spec
from taskspec.view.json_documents import status_document
from taskspec.view.status_text import draw_status


@click.command("status")
@options.spec_argument
@options.json_option
@options.no_color_option
def command(request: Request, as_json: bool, no_color: bool) -> None:
    """What was launched, its outcome, and what the server reports now."""
    server, project, state = options.opened(request, variables_required=False)
    launches = status.recorded_launches(server, state)
    in_spec = addresses_in_spec(project.evaluator, project.expansion, state)
    if as_json:
        options.print_json(status_document(launches, in_spec))
    else:
        click.echo(draw_status(launches, in_spec, terminal.paint(no_color=no_color)), nl=False)
