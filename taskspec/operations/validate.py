"""Validate a project: check every expression and app folder that needs no server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from taskspec.diagnostics import Diagnostic, in_order
from taskspec.engine.server.catalogue import Catalogue
from taskspec.engine.server.connection import Server
from taskspec.errors import SpecError
from taskspec.operations.project import Project
from taskspec.plan.deferred_tasks import names_module
from taskspec.plan.planner import final_results
from taskspec.plan.request import Facts
from taskspec.specfile.model import CallDecl, TaskDecl, is_folder
from taskspec.template.expressions.task_views import unknown_view
from taskspec.values import is_known


def validate(project: Project, server: Server) -> Sequence[Diagnostic]:
    """Check what needs no server, app folders included. Returns the warnings; raises SpecError with all problems."""
    catalogue = Catalogue(project.spec, project.folder, server, project.root)
    local = [i for i in project.expansion.instances if names_module(i) and _is_known_folder(project, i.task)]
    facts = catalogue.look_up(project.evaluator, local) if server.is_local else Facts()
    evaluator = project.evaluator.starting_from(project.evaluator.views)
    for instance in project.expansion.instances:
        if not instance.is_folded:
            view = unknown_view(instance.address, instance.task.results)
            evaluator.tasks.put(instance.task.name, instance.key, view)
    problems: list[Diagnostic] = []
    calls = [instance for instance in project.expansion.instances if instance.task.call is not None]
    conditional = [instance for instance in project.expansion.instances if instance.task.when is not True]
    checks: list[Callable[[], object]] = [partial(evaluator.condition, instance) for instance in conditional]
    requested = [*(local if server.is_local else ()), *calls]
    checks += [partial(evaluator.request, instance, facts) for instance in requested]
    for check in checks:
        try:
            check()
        except SpecError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise SpecError(in_order(problems))
    final_results(evaluator)
    return project.warnings


def _is_known_folder(project: Project, task: TaskDecl) -> bool:
    """Whether the app is a folder whose path is known: a variable without a value may be part of it."""
    module = "" if isinstance(task, CallDecl) else task.module
    return is_folder(module) and ("{{" not in str(module) or is_known(project.evaluator.base["var"]))
