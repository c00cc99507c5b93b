"""Reads what has ended: the declared results, the checks and the outputs of a launch or a call."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from taskspec.diagnostics import Code
from taskspec.json_tree import map_leaves
from taskspec.plan.lookup_needs import FieldsView, FilesView, ProjectView
from taskspec.plan.task_scope import TaskScope
from taskspec.secrets.sensitive import HIDDEN, Sensitive, is_sensitive
from taskspec.specfile.fields.launch_outputs import Output, as_json, read_outputs
from taskspec.specfile.fields.result_declarations import FileRule, ProjectRule, ResultDecl
from taskspec.specfile.fields.value_types import described, type_problem
from taskspec.specfile.model import CallDecl
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.expression import Dynamic, Reference, Scope
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import Json, Unknown, digest

_NAMES_SHOWN = 12
_WALKED = (Mapping, list, str, int, float, NoneType, FieldsView, FilesView, ProjectView)


def read_results(scope: TaskScope, instance: Instance, ended: Json) -> tuple[dict[str, Json], dict[str, str]]:
    """The declared results of a launch, or of the response to a call, and for each that cannot be read, why."""
    values: dict[str, Json] = {}
    missing: dict[str, str] = {}
    names = scope.names(instance, {_root(instance): ended})
    for name, value in instance.task.results.items():
        try:
            values[name] = scope.secrets.mark_known_secrets(_read(scope.renderer, value, names))
        except (RenderError, ExpressionError) as error:
            missing[name] = _why_missing(scope.renderer, error, names)
    return values, missing


def failed_checks(scope: TaskScope, instance: Instance, ended: Json, results: Mapping[str, Json]) -> list[str]:
    """The messages of checks that do not hold; a check that cannot be evaluated does not hold."""
    failed = []
    names = scope.names(instance, {_root(instance): ended, "results": results})
    for check in instance.task.checks:
        try:
            held = scope.renderer.render(check.condition, names)
            if (held.reveal() if isinstance(held, Sensitive) else held) is not True:
                message = scope.renderer.render(check.message, names)
                message = HIDDEN if isinstance(message, Sensitive) else message
                failed.append(str(message or f"check failed: {check.condition}"))
        except RenderError as error:
            failed.append(f"check {check.condition} cannot be evaluated: {error.error.message}")
    return failed


def why_not_met(scope: TaskScope, instance: Instance, condition: Json, response: Json) -> str:
    """Nothing where a condition on a response holds, else why it does not; what is not there yet may still come."""
    try:
        value = scope.renderer.render(condition, scope.names(instance, {"response": response}))
    except RenderError as error:
        return error.error.message
    return "" if value is True else f"{condition} is {value!r}"


def rendered_outputs(
    scope: TaskScope, instance: Instance, extra: Mapping[str, Json], *, failed: bool
) -> tuple[Output, ...]:
    """The outputs to publish on a launch that succeeded, or on one that failed."""
    chosen = instance.task.outputs.on(failure=failed) if instance.task.outputs is not None else ()
    rendered: dict[str, Json] = scope.render(instance, ("outputs",), as_json(chosen), extra)
    for name, value in rendered.items():
        if is_sensitive(scope.secrets.mark_known_secrets(value)):
            message = "the output would show a secret to all users"
            raise scope.failed(instance, ("outputs", name), Code.SECRET_SHOWN, message)
    return read_outputs(rendered).items


def outputs_digest(scope: TaskScope, instance: Instance, results: Mapping[str, Json]) -> str:
    """Digest of the success outputs of a launch, as written and as far as they render without the launch itself.

    What the launch itself gives cannot change, so it is left out. The text around it can, and counts as written.
    """
    outputs = instance.task.outputs
    written = as_json(outputs.on(failure=False)) if outputs is not None else {}
    if not written:
        return ""
    extra = {"launch": Unknown("launch"), "results": results}
    return digest([written, _described(as_json(rendered_outputs(scope, instance, extra, failed=False)))])


def recorded(scope: TaskScope, results: Mapping[str, Json]) -> Mapping[str, Json]:
    """Results from the record, as later tasks see them: of a secret there is only its mark."""
    known: Mapping[str, Json] = scope.secrets.recorded(results)
    return known


def _root(instance: Instance) -> str:
    """What expressions call that which has ended."""
    return "response" if isinstance(instance.task, CallDecl) else "launch"


def _described(value: Json) -> Json:
    return map_leaves(value, lambda leaf: leaf.describe() if isinstance(leaf, Unknown) else leaf)


def _read(renderer: Renderer, declared: ResultDecl, scope: Scope) -> Json:
    """The value of a result. Raises RenderError or ExpressionError with why there is none."""
    if declared.finder is not None:
        return _found(renderer, declared.finder, scope)
    value = renderer.render(declared.value, scope)
    bare = value.reveal() if isinstance(value, Sensitive) else value
    problem = "" if isinstance(bare, Unknown) else type_problem(bare, declared.type)
    if problem:
        raise ExpressionError(f"it is not of type {declared.type}" if bare is not value else problem)
    return value


def _found(renderer: Renderer, finder: FileRule | ProjectRule, scope: Scope) -> Json:
    launch = scope["launch"]
    if isinstance(finder, ProjectRule):
        projects: ProjectView = launch["project"]
        found = projects.look_up(_text(renderer, finder.name, scope))
        return found if isinstance(found, Unknown) else found["id"]
    files: FilesView = launch["files"]
    folder, match = _text(renderer, finder.folder, scope), _text(renderer, finder.match, scope)
    file = files.one(folder, match, newest=finder.newest)
    return file if isinstance(file, Unknown) else {key: file[key] for key in ("path", "id", "size")}


def _text(renderer: Renderer, written: Json, scope: Scope) -> str:
    value = renderer.render(written, scope)
    if isinstance(value, str) and value:
        return value
    raise ExpressionError(f"{written} must give a text, and is {described(value)}")


def _why_missing(renderer: Renderer, error: RenderError | ExpressionError, scope: Scope) -> str:
    """Why a result cannot be read: the expression, how far its path leads, and what is there."""
    if isinstance(error, ExpressionError):
        return error.message
    for reference in renderer.parse(error.text).references:
        end = _end_of(reference, scope)
        if end:
            return f"{error.text}: {end}"
    return f"{error.text}: {error.error.message}"


def _end_of(reference: Reference, scope: Scope) -> str:
    """Where the path of a reference ends too early, and what is there; empty when it leads all the way."""
    if reference.root != "launch":
        return ""
    place = Reference("launch", ())
    value: Any = scope.get("launch")
    for step in reference.steps:
        if isinstance(step, Dynamic) or not isinstance(value, _WALKED):
            return ""
        try:
            inside = _inside(value, step)
        except ExpressionError as error:
            return error.message
        if inside is None:
            return f'{place.text} has no "{step}"; {_what_is(value)}'
        if isinstance(value, FilesView) and not inside[0]:
            return value.nothing(str(step))
        value, place = inside[0], Reference("launch", (*place.steps, step))
    return ""


def _inside(value: Any, step: str | int) -> tuple[Any] | None:
    if isinstance(value, ScopeObject):
        return (value.look_up(str(step)),)
    if isinstance(value, Mapping):
        return (value[str(step)],) if str(step) in value else None
    if isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
        return (value[step],)
    return None


def _what_is(value: Any) -> str:
    if isinstance(value, Mapping) and value:
        names = sorted(map(str, value))
        more = ", …" if len(names) > _NAMES_SHOWN else ""
        return f"it has: {', '.join(names[:_NAMES_SHOWN])}{more}"
    if isinstance(value, list) and value:
        return f"it is a list of {len(value)}"
    if isinstance(value, Mapping | list):
        return "it is empty"
    return f"it is {described(value)}"
