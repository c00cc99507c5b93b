"""taskspec graph"""

from __future__ import annotations

import click

from taskspec.cli import options
from taskspec.operations.project import Request, open_project
from taskspec.view.diagram import DiagramFormat, draw_graph


@click.command("graph")
@options.spec_argument
@options.variable_options
@click.option(
    "--format",
    "kind",
    type=click.Choice([str(kind) for kind in DiagramFormat]),
    default=str(DiagramFormat.TEXT),
    show_default=True,
    help="How to draw it.",
)
def command(request: Request, kind: str) -> None:
    """Draw the dependencies between the instances of all tasks."""
    project = open_project(options.without_secrets(request))
    click.echo(draw_graph(project.expansion, DiagramFormat(kind)), nl=False)
