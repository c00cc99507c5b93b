"""taskspec graph"""

from __future__ import annotations

from pathlib import Path

import click

from taskspec.cli import options
from taskspec.errors import ExitCode
from taskspec.operations.project import open_project
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
def command(spec: Path | None, var_flags: tuple[str, ...], var_files: tuple[Path, ...], kind: str) -> int:
    """What depends on what, instance by instance."""
    request = options.request(spec, var_flags, var_files)
    project = open_project(options.without_secrets(request))
    click.echo(draw_graph(project.expansion, DiagramFormat(kind)), nl=False)
    return ExitCode.DONE
