"""What the expressions of a spec refer to, found without evaluating one: dependencies, and every wrong name at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import ERROR_LIMIT, Code, Diagnostic, choices
from taskspec.specfile.fields.kinds import CALL_BODY, COMMON_KEYS, RunOn
from taskspec.specfile.fields.launch_outputs import as_json
from taskspec.specfile.fields.launch_settings import AgentRule
from taskspec.specfile.includes import qualified_name
from taskspec.specfile.matrix import axes_of
from taskspec.specfile.model import CallDecl, SpecFile, TaskDecl
from taskspec.template.expressions.expression import Dynamic, Index, Reference
from taskspec.template.expressions.render import Renderer, templates_in
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.template.references.include_context import ALONE, IncludeContext, follow_inputs, follow_result
from taskspec.template.references.location import DEPENDS_ON, KNOWN_BEFORE, Dependency, Location
from taskspec.values import Json, Path

TASK_ATTRIBUTES = ("id", "name", "outcome", "results")
_ATTRIBUTES: Mapping[str, Collection[str]] = {
    "each": ("key", "value"),
    "launch": ("fields", "files", "id", "meta", "name", "output", "params", "project", "status"),
    "failure": ("summary", "status"),
}

_HEAD = frozenset({"var", "local"})
BODY = _HEAD | {"tasks"}
"""What may be named before a launch."""
_AFTER = BODY | {"launch"}
ROOTS: Mapping[str, frozenset[str]] = {
    "for_each": BODY,
    **dict.fromkeys(("module", "version", "branch", "agent", "workspace", "title", "settings", "matrix"), _HEAD),
    **dict.fromkeys(("when", "target", "params"), BODY),
    "results": _AFTER,
    "checks": _AFTER | {"results"},
    "outputs": _AFTER | {"results", "failure"},
}
"""What may be named where. Before the launch there is no launch; `each` is added where the task has a for_each."""

CALLS: Mapping[str, frozenset[str]] = {
    **{name: roots for name, roots in ROOTS.items() if name in COMMON_KEYS},
    **dict.fromkeys(CALL_BODY, BODY),
    "method": _HEAD,
    "poll": BODY | {"response"},
}
_FAN_OUT = ("for_each", "matrix")
_WHY_NOT_HERE = {
    "tasks": KNOWN_BEFORE,
    "each": "The task has no for_each, or this is the for_each itself.",
    "launch": "There is no launch yet at this point; a call has a response, and no launch.",
    "response": "Only a call has a response, and only once it was answered.",
    "results": "Results are read after the launch has ended; use tasks.NAME.results in later tasks.",
    "failure": "Only outputs know of a failure.",
    "var": "",
    "local": "",
}


@dataclass(frozen=True, slots=True)
class Analysis:
    """Dependencies by task, in the order they are written, and all problems found on the way.

    `results` are the dependencies of the spec's own results.
    """

    dependencies: Mapping[str, tuple[Dependency, ...]]
    problems: tuple[Diagnostic, ...]
    results: Mapping[str, tuple[Dependency, ...]] = field(default_factory=dict)


def analyse(spec: SpecFile, renderer: Renderer, within: IncludeContext = ALONE) -> Analysis:
    """Check every expression of the spec and find what depends on what."""
    look = ReferenceChecker(spec, renderer, [], within)
    for path, text in templates_in(spec.locals):
        look.references(text, Location(spec, None, ("locals", *path)), _HEAD)
    dependencies = {
        qualified_name(within.prefix, task.name): _once_each(look.task(task)) for task in spec.tasks.values()
    }
    for task in spec.tasks.values():
        if task.run_on is RunOn.FAILURE and not dependencies[qualified_name(within.prefix, task.name)]:
            look.problems.append(_waits_for_nothing(spec, task))
    results = {name: _once_each(look.sources(value, ("results", name))) for name, value in spec.results.items()}
    return Analysis(dependencies, tuple(look.problems), results)


def _waits_for_nothing(spec: SpecFile, task: TaskDecl) -> Diagnostic:
    summary = f'task "{task.name}" runs on failure and needs nothing, so nothing that it needs can fail'
    remedy = "Name the tasks in depends_on after whose failure it runs."
    return spec.task_problem(Code.WRONG_VALUE, task.name, ("run_on",), summary, remedy)


def _once_each(dependencies: Iterator[Dependency]) -> tuple[Dependency, ...]:
    """The first dependency for each upstream and cell; more references to the same say nothing new."""
    found: dict[tuple[str, str | None], Dependency] = {}
    for dependency in dependencies:
        found.setdefault((dependency.upstream, dependency.cell), dependency)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class ReferenceChecker:
    """Looks through the expressions of one spec; `problems` grows on the way."""

    spec: SpecFile
    renderer: Renderer
    problems: list[Diagnostic]
    within: IncludeContext = ALONE

    def task(self, task: TaskDecl) -> Iterator[Dependency]:
        for index, name in enumerate(task.depends_on):
            place = Location(self.spec, task.name, (DEPENDS_ON, index))
            if name in self.spec.tasks:
                yield Dependency(qualified_name(self.within.prefix, name), None, DEPENDS_ON, place)
            elif self.within.outlet is not None and name in self.spec.includes:
                for inner in self.within.outlet(name).tasks:
                    yield Dependency(inner, None, DEPENDS_ON, place)
        for section, allowed in ROOTS.items() if task.call is None else CALLS.items():
            value = section_of(task, section)
            if not value:
                continue
            roots = allowed | {"each"} if task.is_fanned_out and section not in _FAN_OUT else allowed
            if task.call is not None and "launch" in roots:
                roots = roots - {"launch"} | {"response"}
            for path, text in templates_in(value):
                place = Location(self.spec, task.name, written_path(section, path))
                yield from self._dependencies(task, text, place, roots)

    def _dependencies(self, task: TaskDecl, text: str, place: Location, roots: frozenset[str]) -> Iterator[Dependency]:
        for reference in self.references(text, place, roots):
            if reference.root == "results":
                self._name(reference, task.results, place, "Results of this task")
            else:
                yield from self._sources(reference, place, roots)

    def sources(self, value: Json, path: Path) -> Iterator[Dependency]:
        """The tasks that a value of the spec needs, through included specs too; `path` is where it is written."""
        for place, text in templates_in(value, path):
            location = Location(self.spec, None, place)
            for reference in self.references(text, location, BODY):
                yield from self._sources(reference, location, BODY)

    def _sources(self, reference: Reference, place: Location, roots: frozenset[str]) -> Iterator[Dependency]:
        if reference.root == "tasks":
            if self.spec.includes and reference.steps and reference.steps[0] in self.spec.includes:
                yield from follow_result(self.within, reference, place, self._add)
            elif dependency := self._task_reference(reference, place):
                yield dependency
        elif self.within.inflow and reference.root in _HEAD:
            yield from follow_inputs(self.within, reference, place, roots, self._add)

    def references(self, text: str, place: Location, roots: frozenset[str]) -> list[Reference]:
        """The references of one expression; wrong ones become problems and are left out.

        There are none where there are problems enough, since no plan follows then.
        """
        if len(self.problems) >= ERROR_LIMIT:
            return []
        try:
            expression = self.renderer.parse(text)
        except ExpressionError as error:
            code = Code.TEMPLATE_FORBIDDEN if error.forbidden else Code.TEMPLATE_SYNTAX
            self.problems.append(Diagnostic(code, f"{place.owner}: {error.message}", place.span()))
            return []
        for call in expression.calls:
            if call.name == "file" and call.constant is not None and self.renderer.functions.can_read:
                self._readable(call.constant, place)
        return [r for r in expression.references if self._root_fits(r, place, roots) and self._path_fits(r, place)]

    def _readable(self, path: str, place: Location) -> None:
        try:
            self.renderer.functions.file(path)
        except ExpressionError as error:
            self._add(Code.FILE, f"{place.owner}: {error.message}", place, path, error.remedy)

    def _root_fits(self, reference: Reference, place: Location, roots: frozenset[str]) -> bool:
        root = reference.root
        if root in roots:
            return True
        if root in _WHY_NOT_HERE:
            remedy = f"{_WHY_NOT_HERE[root]} Usable here: {', '.join(sorted(roots))}."
            self._add(Code.TEMPLATE_NOT_HERE, f'{place.owner} cannot use "{root}" here', place, root, remedy)
            return False
        summary = f'{place.owner}: "{root}" is not defined'
        self._add(Code.TEMPLATE_UNDEFINED, summary, place, root, self._meant(root, roots))
        return False

    def _meant(self, name: str, roots: frozenset[str]) -> str:
        """What the author of a bare name may have meant."""
        for root, names in (("var", self.spec.variables), ("local", self.spec.locals), ("tasks", self.spec.tasks)):
            if name in names and root in roots:
                return f'Write "{root}.{name}".'
        return choices(name, roots, label="Usable here")

    def _path_fits(self, reference: Reference, place: Location) -> bool:
        if reference.root == "var":
            return self._name(reference, self.spec.variables, place, "Variables")
        if reference.root == "local":
            return self._name(reference, self.spec.locals, place, "Locals")
        attributes = _ATTRIBUTES.get(reference.root)
        if reference.root == "each" and place.task is not None and self.spec.tasks[place.task].matrix:
            attributes = (*_ATTRIBUTES["each"], *axes_of(self.spec.tasks[place.task].matrix))
        return attributes is None or self._name(reference, attributes, place, f"Attributes of {reference.root}")

    def _name(self, reference: Reference, names: Collection[str], place: Location, label: str) -> bool:
        if not reference.steps or isinstance(reference.steps[0], Dynamic) or reference.steps[0] in names:
            return True
        name = str(reference.steps[0])
        path = f"{reference.root}.{name}"
        self._add(Code.TEMPLATE_UNDEFINED, f'there is no "{path}"', place, path, choices(name, names, label=label))
        return False

    def _task_reference(self, reference: Reference, place: Location) -> Dependency | None:
        """The dependency that `tasks.x…` makes; a problem when there is no such task, cell or result."""
        if not reference.steps or isinstance(reference.steps[0], Dynamic):
            summary = f"{place.owner} computes the name of a task, so what it depends on cannot be known"
            remedy = "Name the task, or list the tasks in depends_on and pass their results on by name."
            self._add(Code.UNKNOWN_TASK, summary, place, "tasks", remedy)
            return None
        name = str(reference.steps[0])
        upstream = self.spec.tasks.get(name)
        if upstream is None:
            remedy = choices(name, [*self.spec.tasks, *self.spec.includes], label="Tasks")
            self._add(Code.UNKNOWN_TASK, f'{place.owner}: there is no task "{name}"', place, f"tasks.{name}", remedy)
            return None
        cell, rest = None, reference.steps[1:]
        if upstream.is_fanned_out and rest:
            cell, rest = _cell(rest[0]), rest[1:]
            if cell in TASK_ATTRIBUTES:
                self._add(
                    Code.FAN_OUT, f'task "{name}" has an instance per item', place, reference.text, _which(name, cell)
                )
                return None
        self._attribute(upstream, rest, place, reference)
        return Dependency(qualified_name(self.within.prefix, name), cell, reference.text, place)

    def _attribute(self, upstream: TaskDecl, rest: tuple[object, ...], place: Location, reference: Reference) -> None:
        if not rest or isinstance(rest[0], Dynamic):
            return
        attributes = (*TASK_ATTRIBUTES, "key") if upstream.is_fanned_out else TASK_ATTRIBUTES
        if rest[0] not in attributes:
            remedy = choices(str(rest[0]), attributes, label="Attributes of a task")
            self._add(Code.TEMPLATE_UNDEFINED, f'a task has no "{rest[0]}"', place, reference.text, remedy)
        elif rest[0] == "id" and upstream.call is not None:
            summary = f'task "{upstream.name}" is a {upstream.kind}: it launches nothing, so it has no id'
            remedy = choices("", upstream.results, label="Its results")
            self._add(Code.TEMPLATE_UNDEFINED, summary, place, reference.text, remedy)
        elif rest[0] == "results" and len(rest) > 1 and isinstance(rest[1], str) and rest[1] not in upstream.results:
            remedy = choices(rest[1], upstream.results, label="Its results")
            summary = f'task "{upstream.name}" has no result "{rest[1]}"'
            self._add(Code.TEMPLATE_UNDEFINED, summary, place, reference.text, remedy)

    def _add(self, code: Code, summary: str, place: Location, text: str, remedy: str) -> None:
        self.problems.append(Diagnostic(code, summary, place.span(text), remedy=remedy))


def _which(name: str, attribute: str | None) -> str:
    return (
        f"Say which: tasks.{name}[each.key].{attribute}, or tasks.{name}['key'].{attribute}; "
        f"or all of them: tasks.{name} | map(attribute='{attribute}') | list."
    )


def section_of(task: TaskDecl, section: str) -> Json:
    """What a task declares in a section, as JSON with its expressions."""
    if isinstance(task, CallDecl):
        if section == "poll":
            return {"until": task.call.poll.until} if task.call.poll is not None else None
        if section in CALL_BODY:
            return task.call.body.get(section)
    elif section == "agent":
        return task.agent.as_json() if isinstance(task.agent, AgentRule) else task.agent
    if section == "results":
        return {name: result.written for name, result in task.results.items()}
    if section == "outputs":
        return as_json(task.outputs.items) if task.outputs is not None else {}
    if section == "settings":
        return task.settings.as_json() if task.settings is not None else {}
    if section == "checks":
        return [[check.condition, check.message] for check in task.checks]
    return getattr(task, section)


def written_path(section: str, path: Path) -> Path:
    """Where a value stands in the document, for one that stands in a section as `section_of` gives it."""
    if section == "checks":
        return ("checks", path[0], ("assert", "message")[int(path[1])])
    return (section, *path)


def _cell(step: object) -> str | None:
    """The key an index names; None, for the whole task, when it is computed."""
    if isinstance(step, Dynamic):
        return Index.EACH_KEY if step.kind == Index.EACH_KEY else None
    return str(step)
