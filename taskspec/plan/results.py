"""Reads one declared result of a launch: a value, a file, a project; and says what was there instead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import NoneType
from typing import Any

from taskspec.plan.lookup_needs import FieldsView, FilesView, ProjectView
from taskspec.secrets.sensitive import Sensitive
from taskspec.specfile.fields.result_decls import FileRule, ProjectRule, ResultDecl
from taskspec.specfile.fields.value_types import described, unfit
from taskspec.template.expressions.expression import Dynamic, Reference, Scope
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.undefined import ExpressionError, ScopeObject
from taskspec.values import Json, Unknown

_NAMES_SHOWN = 12
_WALKED = (Mapping, list, str, int, float, NoneType, FieldsView, FilesView, ProjectView)


def read(renderer: Renderer, declared: ResultDecl, scope: Scope) -> Json:
    """The value of a result. Raises RenderError or ExpressionError with why there is none."""
    if declared.finder is not None:
        return _found(renderer, declared.finder, scope)
    value = renderer.render(declared.value, scope)
    bare = value.reveal() if isinstance(value, Sensitive) else value
    problem = "" if isinstance(bare, Unknown) else unfit(bare, declared.type)
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


def why_missing(renderer: Renderer, error: RenderError | ExpressionError, scope: Scope) -> str:
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
