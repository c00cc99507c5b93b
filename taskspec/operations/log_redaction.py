"""Resolve the secrets of a spec so that they can be redacted from app logs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from taskspec.errors import SpecError
from taskspec.operations.project import Project, Request, open_project
from taskspec.specfile.model import TaskDecl
from taskspec.template.expressions.render import RenderError, templates_in
from taskspec.template.expressions.task_views import unknown_view
from taskspec.template.references.secret_flow import HIDING
from taskspec.values import Json


def open_with_redaction(request: Request) -> tuple[Project, list[str]]:
    """Open a project and resolve its secrets. Returns the names of those that cannot be resolved here.

    Raises SpecError for a wrong spec, but not for a missing value.
    """
    try:
        project = open_project(request)
    except SpecError:
        project = open_project(request, variables_required=False)
    names = project.secret_names()
    if names:
        _register_sent_secrets(project)
    return project, [name for name in names if not request.secrets.has(name)]


def _register_sent_secrets(project: Project) -> None:
    """Evaluate all expressions that may give a secret and need no server, so that their values are redacted."""
    evaluator = project.evaluator.starting_from(project.evaluator.views)
    for instance in project.expansion.instances:
        evaluator.tasks.put(instance.task.name, instance.key, unknown_view(instance.address, instance.task.results))
    for instance in project.expansion.instances:
        scope = evaluator.names(instance)
        for written in _values_with_secrets(instance.task):
            with suppress(RenderError):
                evaluator.renderer.render(written, scope)


def _values_with_secrets(task: TaskDecl) -> Iterator[Json]:
    """Each value that may hold a secret. They are separate because some cannot be evaluated."""
    sections = (task.params,) if task.call is None else (task.call.body.get(name) for name in HIDING)
    for section in sections:
        for _, text in templates_in(section):
            yield text
