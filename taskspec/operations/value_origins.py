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
    def is_secret(self) -> bool:
        return self.value is HIDDEN or any(part.is_secret for part in self.parts)


@dataclass(frozen=True, slots=True)
class Explained:
    path: Path
    value: Json
    origin: Origin


@dataclass(frozen=True, slots=True)
class Origins:
    """Finds the origins of the values of one planned task."""

    project: Project
    variables: Mapping[str, Assigned]
    instance: Instance
    planned: PlannedTask

    def values(self) -> Iterator[Explained]:
        """The condition of the task, and then everything that would be sent."""
        yield from self._condition()
        request = self.planned.request
        if isinstance(request, LaunchRequest):
            yield from self._of_launch(request)
        elif isinstance(request, CallRequest):
            yield from self._of_call(request)

    def _condition(self) -> Iterator[Explained]:
        if self._place(("when",)) is not None and not self.instance.is_folded:
            value = self.project.evaluator.condition(self.instance)
            yield self._explained(("when",), value, self._setting("when", value))

    def _of_launch(self, request: LaunchRequest) -> Iterator[Explained]:
        for key, value in request.inputs.items():
            if key not in ("params", "branch"):
                yield self._explained((key,), value, self._setting(key, value))
        for path, value in leaves(request.params, ("params",), lists=False):
            if path != ("params",):
                yield self._explained(path, value, self._param(path, value))

    def _of_call(self, request: CallRequest) -> Iterator[Explained]:
        if "workspace" in OWN_KEYS[request.kind]:
            yield self._explained(("workspace",), request.workspace, self._setting("workspace", request.workspace))
        for key, body in request.body.items():
            for path, value in leaves(body, (key,), lists=False):
                place = self._place(path)
                yield self._explained(path, value, self._written(*place, value) if place else _unsaid(value))

    def _explained(self, path: Path, value: Json, origin: Origin) -> Explained:
        return Explained(path, HIDDEN if origin.is_secret else value, origin)

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

    def _param(self, path: Path, value: Json) -> Origin:
        """The layer that sets a param: the task, `defaults`, the target, or the app."""
        place, task = self._place(path), self.instance.task
        if place is not None:
            return self._written(*place, value)
        target = {} if isinstance(task, CallDecl) else task.target
        for name in target:
            if TARGETS[name].key == path[1] and path[1] in target_state(target):
                written_at = ("tasks", self._name, "target", name)
                return self._written(written_at, target[name], f"target {name}", value)
        request = self.planned.request
        facts = request.facts if isinstance(request, LaunchRequest) else None
        return Origin(OriginKind.APP_DEFAULT, "", value, f'default of app "{facts.name}"' if facts is not None else "")

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
                return _made(OriginKind.LOCAL, reference, value, _shown(written), place, self._parts(written, unit))
            case "each":
                task = self.instance.task
                section = "for_each" if task.has_for_each else "matrix"
                place, parts = self.project.spec.task_span(task.name, section), self._parts(task.for_each, unit)
                return _made(OriginKind.ITEM, reference, value, section, place, parts)
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
            path = ("include", part.include.name, "inputs", name)
            place, parts = self._spec(part.parent).span(path), self._parts(part.include.inputs[name], part.parent)
            return _made(OriginKind.VARIABLE, reference, value, f'input of include "{unit}"', place, parts)
        profile = part.spec.profile
        if profile is not None and name in profile.variables:
            place = part.spec.span((*profile.path, "variables", name))
            return Origin(OriginKind.VARIABLE, reference.text, value, f'profile "{profile.name}"', place)
        place = part.spec.span(("variables", name, "default"))
        return Origin(OriginKind.VARIABLE, reference.text, value, "default of the variable", place)

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


def _made(
    kind: OriginKind, reference: Reference, value: Json, note: str, place: Span, parts: tuple[Origin, ...]
) -> Origin:
    """The origin of a value made from others; it is hidden when one of them is."""
    return Origin(kind, reference.text, HIDDEN if any(part.is_secret for part in parts) else value, note, place, parts)


_WITHOUT = {
    "agent": "the server chooses",
    "workspace": "WORKSPACE_ID, or the local server's only one",
}


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


def _unsaid(value: Json) -> Origin:
    return Origin(OriginKind.BUILT_IN, "", value, "the default")


def _shown(written: Json) -> str:
    return written if isinstance(written, str) else ""


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
