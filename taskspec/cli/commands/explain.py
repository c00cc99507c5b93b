"""taskspec explain"""

from __future__ import annotations

from pathlib import Path

import click

from taskspec.cli import options, terminal
from taskspec.errors import UsageError
from taskspec.operations.explanation import explain
from taskspec.operations.plan import make
from taskspec.operations.project import assign_all_variables
from taskspec.plan.plan_inputs import Selection
from taskspec.view.explain_text import draw_explanation, explanation_document


@click.command("explain")
@click.argument("arguments", nargs=-1, metavar="[SPEC] ADDRESS")
@options.reading_options
@options.variable_options
@click.option("--path", "value_path", default="", metavar="PATH", help="Only this value, as params.lr or agent.")
@options.json_option
@options.no_color_option
def command(
    reading: options.ReadingOptions, arguments: tuple[str, ...], value_path: str, as_json: bool, no_color: bool
) -> None:
    """Explain one task of the plan: its action, the origin of each value, and the tasks that it waits for.

    A value comes from the spec, a variable and its source, a local, the app's defaults, the spec's defaults, or
    another task. No changes are made.
    """
    spec, address = _split(arguments)
    request = reading.request(spec)
    server, project, state = options.opened(request)
    plan = make(project, server, state, Selection()).plan
    found = explain(project, plan, assign_all_variables(request, project.spec), address, value_path)
    if as_json:
        options.print_json(explanation_document(found))
    else:
        click.echo(draw_explanation(found, terminal.paint(no_color=no_color)), nl=False)


def _split(arguments: tuple[str, ...]) -> tuple[Path | None, str]:
    """The spec, where one is named, and the address; in either order, since a spec's name ends in .yaml or .yml."""
    if len(arguments) == 1:
        return None, arguments[0]
    if len(arguments) == 2:
        first, second = arguments
        swapped = second.endswith((".yaml", ".yml")) and not first.endswith((".yaml", ".yml"))
        return (Path(second), first) if swapped else (Path(first), second)
    raise UsageError("explain needs an ADDRESS", remedy="taskspec explain [SPEC] ADDRESS")
