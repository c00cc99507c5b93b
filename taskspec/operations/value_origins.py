"""The origin of each value that a task would send: its place in the spec, and what its expressions read. Pure.

Values are those of the plan, and the plan's evaluator evaluates the expressions. The value of a sensitive variable,
and every value that depends on one, is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from taskspec.diagnostics import Span
from taskspec.json_tree import leaves
from taskspec.operations.project import Project
from taskspec.plan.model import PlannedTask
from taskspec.plan.request import CallRequest, LaunchRequest
from taskspec.secrets.sensitive import is_sensitive
from taskspec.specfile.fields.kinds import OWN_KEYS
from taskspec.specfile.fields.targets import TARGETS
from taskspec.specfile.includes import qualified_name
from taskspec.specfile.model import CallDecl, SpecFile
from taskspec.specfile.target_check import target_state
from taskspec.specfile.variables import Assigned
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.expression import Dynamic, Reference
from taskspec.template.expressions.render import RenderError, templates_in
from taskspec.values import Json, Path, ServiceId, Unknown


class RedactedValue:
    """Replaces a value that depends on a secret."""

    __slots__ = ()


HIDDEN = RedactedValue()


class OriginKind(StrEnum):
    LITERAL = "literal"
    EXPRESSION = "expression"
    VARIABLE = "variable"
    LOCAL = "local"
    ITEM = "item"
    UPSTREAM = "upstream"
    APP_DEFAULT = "app_default"
    CONTENT = "content"
    BUILT_IN = "built_in"


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a value: `note` describes it, `place` is where it is written, `parts` are what it reads."""

    kind: OriginKind
    text: str
    value: Json
    note: str = ""
    place: Span | None = None
    parts: tuple[Origin, ...] = ()

    @property
    def shown(self) -> Json:
        """The value; HIDDEN when it is a secret or made from one."""
        return HIDDEN if any(part.shown is HIDDEN for part in self.parts) else self.value


@dataclass(frozen=True, slots=True)
class Origins:
    """Finds the origins of the values of one planned task."""

    project: Project
    variables: Mapping[str, Assigned]
    instance: Instance
    planned: PlannedTask

    def values(self) -> Iterator[tuple[Path, Origin]]:
        """The origins of the condition of the task, and then of everything that would be sent."""
        if self._place(("when",)) is not None and not self.instance.is_folded:
            yield ("when",), self._setting("when", self.project.evaluator.condition(self.instance))
        request = self.planned.request
        if isinstance(request, LaunchRequest):
            yield from self._of_launch(request)
        elif isinstance(request, CallRequest):
            yield from self._of_call(request)

    def _of_launch(self, request: LaunchRequest) -> Iterator[tuple[Path, Origin]]:
        for key, value in request.inputs.items():
            if key not in ("params", "branch"):
                yield (key,), self._setting(key, value)
        for path, value in leaves(request.params, ("params",), lists=False):
            if path != ("params",):
                yield path, self._param(path, value, request.facts.name)

    def _of_call(self, request: CallRequest) -> Iterator[tuple[Path, Origin]]:
        if "workspace" in OWN_KEYS[request.kind]:
            yield ("workspace",), self._setting("workspace", request.workspace)
        for path, value in (leaf for key, body in request.body.items() for leaf in leaves(body, (key,), lists=False)):
            place = self._place(path)
            unsaid = Origin(OriginKind.BUILT_IN, "", value, "the default")
            yield path, self._written(*place, value) if place else unsaid

    @property
    def _unit(self) -> str:
        """The qualified name of the included spec that declares the task; empty for the root."""
        return self.instance.task.unit

    @property
    def _name(self) -> str:
        return self.instance.task.name.removeprefix(qualified_name(self._unit, ""))

    def _spec(self, unit: str) -> SpecFile:
        return self.project.spec.units[unit] if unit else self.project.spec

    def _holders(self) -> Iterator[tuple[Path, str]]:
        """The places where a key of the task may be written, in order of precedence."""
        yield ("tasks", self._name), ""
        profile = self._spec(self._unit).profile
        if profile is not None:
            yield (*profile.path, "defaults"), f'defaults of profile "{profile.name}"'
        yield ("defaults",), "defaults"

    def _place(self, path: Path) -> tuple[Path, Json, str] | None:
        """The path of a value, its text and a note on the place; None where it is not written."""
        data = self._spec(self._unit).document.data
        for holder, note in self._holders():
            found = _deepest(data, (*holder, *path), len(holder) + 1)
            if found is not None:
                return found, _at(data, found), note
        return None

    def _setting(self, key: str, value: Json) -> Origin:
        """The origin of a key of the task: the task, `defaults`, or the built-in default."""
        task, document = self.instance.task, self._spec(self._unit).document
        is_branch = key == "version" and not isinstance(task, CallDecl) and task.branch is not None
        written = "branch" if is_branch else key
        for holder, note in self._holders():
            if document.has((*holder, written)):
                return self._written((*holder, written), _at(document.data, (*holder, written)), note, value)
        if key == "version":
            return Origin(OriginKind.CONTENT, "", value, "the content of the folder")
        return Origin(OriginKind.BUILT_IN, "", value, _WITHOUT.get(key, "the default"))

    def _param(self, path: Path, value: Json, app: str) -> Origin:
        """The layer that sets a param: the task, `defaults`, the target, or the app."""
        place, task = self._place(path), self.instance.task
        if place is not None:
            return self._written(*place, value)
        target = {} if isinstance(task, CallDecl) else task.target
        for name in target:
            if TARGETS[name].key == path[1] and path[1] in target_state(target):
                written_at = ("tasks", self._name, "target", name)
                return self._written(written_at, target[name], f"target {name}", value)
        return Origin(OriginKind.APP_DEFAULT, "", value, f'default of app "{app}"')

    def _written(self, path: Path, written: Json, note: str, value: Json) -> Origin:
        parts = self._parts(written, self._unit)
        kind = OriginKind.EXPRESSION if any(True for _ in templates_in(written)) else OriginKind.LITERAL
        text = written if kind is OriginKind.EXPRESSION and isinstance(written, str) else ""
        return Origin(kind, text, value, note, self._spec(self._unit).span(path), parts)

    def _parts(self, written: Json, unit: str) -> tuple[Origin, ...]:
        """The origins of what the expressions of a value read; `unit` is the included spec that contains them."""
        parse = self.project.evaluator.renderer.parse
        found = [part for _, text in templates_in(written) for part in dict.fromkeys(parse(text).references)]
        return tuple(origin for reference in found if (origin := self._reference(reference, unit)) is not None)

    def _reference(self, reference: Reference, unit: str) -> Origin | None:
        name = str(reference.steps[0]) if reference.steps and not isinstance(reference.steps[0], Dynamic) else ""
        spec, value = self._spec(unit), self._value(reference, unit)
        match reference.root:
            case "var" if name in spec.variables:
                value = HIDDEN if spec.variables[name].sensitive else value
                return self._input(reference, value, unit) if unit else self._variable(reference, value)
            case "local" if name in spec.locals:
                written, place = spec.locals[name], spec.span(("locals", name))
                note = written if isinstance(written, str) else ""
                return Origin(OriginKind.LOCAL, reference.text, value, note, place, self._parts(written, unit))
            case "each":
                task = self.instance.task
                section = "for_each" if task.has_for_each else "matrix"
                place, parts = self.project.spec.task_span(task.name, section), self._parts(task.for_each, unit)
                return Origin(OriginKind.ITEM, reference.text, value, section, place, parts)
            case "tasks":
                return Origin(OriginKind.UPSTREAM, reference.text, value, _known(value))
        return None

    def _variable(self, reference: Reference, value: Json) -> Origin:
        name = str(reference.steps[0])
        assigned = self.variables[name]
        default = self.project.spec.span(("variables", name, "default")) if assigned.origin == "default" else None
        return Origin(OriginKind.VARIABLE, reference.text, value, _given_by(assigned), assigned.span or default)

    def _input(self, reference: Reference, value: Json, unit: str) -> Origin:
        """A variable of an included spec: set by the include, by the profile, or by its default."""
        name, part = str(reference.steps[0]), self.project.evaluator.units[unit].part
        if name in part.include.inputs:
            place = self._spec(part.parent).span(("include", part.include.name, "inputs", name))
            parts = self._parts(part.include.inputs[name], part.parent)
            return Origin(OriginKind.VARIABLE, reference.text, value, f'input of include "{unit}"', place, parts)
        path: Path = ("variables", name, "default")
        note, profile = "default of the variable", part.spec.profile
        if profile is not None and name in profile.variables:
            path, note = (*profile.path, "variables", name), f'profile "{profile.name}"'
        return Origin(OriginKind.VARIABLE, reference.text, value, note, part.spec.span(path))

    def _value(self, reference: Reference, unit: str) -> Json:
        evaluator = self.project.evaluator
        if unit == self._unit:
            scope = evaluator.names(self.instance)
        else:
            names = evaluator.units[unit].names() if unit else evaluator.base
            scope = {"tasks": evaluator.tasks, **names}
        try:
            value = evaluator.renderer.render("{{ " + reference.text + " }}", scope)
        except RenderError:
            return None
        return HIDDEN if is_sensitive(value) else value


_WITHOUT = {"agent": "the server chooses", "workspace": "WORKSPACE_ID, or the local server's only one"}


def _given_by(assigned: Assigned) -> str:
    if assigned.origin == "default":
        return "default of the variable"
    is_file = assigned.span is not None and assigned.span.source.name == assigned.origin
    return f"--var-file {assigned.origin}" if is_file else assigned.origin


def _known(value: Json) -> str:
    """When a value of another task is known."""
    if isinstance(value, ServiceId):
        return "the id of a service: known once it is up" if value.is_pending else "the id of a service that runs"
    return "known after apply" if isinstance(value, Unknown) else "known from its last launch"


def _at(data: Json, path: Path) -> Json:
    for part in path:
        data = data[part]
    return data


def _deepest(data: Json, path: Path, least: int) -> Path | None:
    """The place that sets the value at `path`: this path, or an expression above it that gives a whole map."""
    node = data
    for index, part in enumerate(path):
        if isinstance(node, Mapping) and part in node:
            node = node[part]
            continue
        is_expression = index > least - 1 and isinstance(node, str) and next(templates_in(node), None) is not None
        return path[:index] if is_expression else None
    return None if isinstance(node, Mapping) and node else path
