"""taskspec results"""

from __future__ import annotations

import json

import click

from taskspec.cli import options, terminal
from taskspec.diagnostics import choices
from taskspec.errors import UsageError
from taskspec.operations import status
from taskspec.operations.project import Request
from taskspec.secrets.sensitive import to_marks
from taskspec.values import Unknown, is_known
from taskspec.view.json_documents import json_value
from taskspec.view.report_text import draw_results


@click.command("results")
@options.spec_argument
@options.variable_options
@click.option("--name", help="Only the value of this result: a result of the spec, or ADDRESS.RESULT.")
@options.json_option
@options.no_color_option
def command(request: Request, name: str | None, as_json: bool, no_color: bool) -> None:
    """Results of the last successful launches: those of the spec, then those of each task."""
    _, project, state = options.opened(request, variables_required=False)
    of_spec, of_tasks = status.known_results(project, state)
    named = {**of_spec, **{f"{a}.{k}": v for a, values in of_tasks.items() for k, v in values.items()}}
    if name is not None:
        if name not in named:
            raise UsageError(f'there is no result "{name}"', remedy=choices(name, named, label="Results"))
        if not is_known(named[name]):
            raise UsageError(f'result "{name}" is not known yet', remedy="apply the spec first")
        value = to_marks(named[name])
        click.echo(value if isinstance(value, str) and not as_json else json.dumps(value, ensure_ascii=False))
    elif as_json:
        tasks = {address: dict(results) for address, results in of_tasks.items()}
        options.print_json({"taskspec_results": 1, "results": json_value(of_spec), "tasks": tasks})
    else:
        shown = {key: ("not known yet" if isinstance(value, Unknown) else value) for key, value in named.items()}
        lines = draw_results(shown, terminal.paint(no_color=no_color))
        click.echo("\n".join(lines) if shown else "There are no results yet.")
