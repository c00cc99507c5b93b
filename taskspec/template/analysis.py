"""What the expressions of a spec refer to, found without evaluating one: dependencies, and every wrong name at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from taskspec.diagnostics import Code, Diagnostic, Span, choices
from taskspec.spec.model import SpecFile, TaskDecl
from taskspec.template.environment import ExpressionError
from taskspec.template.expression import Dynamic, Index, Reference
from taskspec.template.render import Renderer, templates_in
from taskspec.values import Json, Path

TASK_ATTRIBUTES = ("id", "name", "results")
LAUNCH_ATTRIBUTES = ("id", "name", "output", "params", "status")
EACH_ATTRIBUTES = ("key", "value")
FAILURE_ATTRIBUTES = ("summary", "status")

_HEAD = frozenset({"var", "local"})
_BODY = _HEAD | {"tasks"}
_AFTER = _BODY | {"launch"}
_ROOTS: Mapping[str, frozenset[str]] = {
    "for_each": _HEAD,
    "module": _HEAD,
    "version": _HEAD,
    "branch": _HEAD,
    "agent": _HEAD,
    "workspace": _HEAD,
    "title": _HEAD,
    "target": _BODY,
    "params": _BODY,
    "results": _AFTER,
    "checks": _AFTER | {"results"},
    "outputs": _AFTER | {"results", "failure"},
}
"""What may be named where. Before the launch there is no launch; `each` is added where the task has a for_each."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One task needs another. `cell` is None for the whole of it, Index.EACH_KEY, or the text of one key."""

    upstream: str
    cell: str | None
    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Analysis:
    """Dependencies by task, in the order they are written, and all problems found on the way."""

    dependencies: Mapping[str, tuple[Dependency, ...]]
    problems: tuple[Diagnostic, ...]


def analyse(spec: SpecFile, renderer: Renderer) -> Analysis:
    """Check every expression of the spec and find what depends on what."""
    look = _Look(spec, renderer, [])
    for path, text in templates_in(spec.locals):
        look.references(text, spec.span(("locals", *path)), _HEAD, "the locals")
    dependencies = {task.name: tuple(dict.fromkeys(look.task(task))) for task in spec.tasks.values()}
    for path, text in templates_in(spec.results):
        span = spec.span(("results", *path))
        for reference in look.references(text, span, _BODY, "the spec's results"):
            look.task_reference(reference, span, "the spec's results")
    return Analysis(dependencies, tuple(look.problems))


@dataclass(frozen=True, slots=True)
class _Look:
    spec: SpecFile
    renderer: Renderer
    problems: list[Diagnostic]

    def task(self, task: TaskDecl) -> Iterator[Dependency]:
        for index, name in enumerate(task.depends_on):
            if name in self.spec.tasks:
                yield Dependency(name, None, "depends_on", self.spec.task_span(task.name, "depends_on", index))
        for section, allowed in _ROOTS.items():
            if section == "for_each":
                roots = allowed
            else:
                roots = allowed | {"each"} if task.has_for_each else allowed
            for path, text in templates_in(_section(task, section)):
                yield from self._expression(task, section, path, text, roots)

    def _expression(
        self, task: TaskDecl, section: str, path: Path, text: str, roots: frozenset[str]
    ) -> Iterator[Dependency]:
        place: Path = (
            ("checks", path[0], ("assert", "message")[int(path[1])]) if section == "checks" else (section, *path)
        )
        span = self.spec.task_span(task.name, *place)
        for reference in self.references(text, span, roots, f'task "{task.name}"'):
            if reference.root == "tasks":
                dependency = self.task_reference(reference, span, f'task "{task.name}"')
                if dependency:
                    yield dependency
            elif reference.root == "results":
                self._name(reference, task.results, span, "Results of this task")

    def references(self, text: str, span: Span, roots: frozenset[str], owner: str) -> Iterator[Reference]:
        """The references of one expression; wrong ones become problems and are left out."""
        try:
            expression = self.renderer.parse(text)
        except ExpressionError as error:
            code = Code.TEMPLATE_FORBIDDEN if error.forbidden else Code.TEMPLATE_SYNTAX
            self.problems.append(Diagnostic(code, f"{owner}: {error.message}", span))
            return
        for reference in expression.references:
            if self._root_fits(reference, span, roots, owner) and self._path_fits(reference, span):
                yield reference

    def _root_fits(self, reference: Reference, span: Span, roots: frozenset[str], owner: str) -> bool:
        if reference.root in roots:
            return True
        known = {"var", "local", "tasks", "each", "launch", "results", "failure"}
        if reference.root in known:
            summary = f'{owner} cannot use "{reference.root}" here'
            remedy = f"{_WHY_NOT_HERE[reference.root]} Usable here: {', '.join(sorted(roots))}."
            self._add(Code.TEMPLATE_NOT_HERE, summary, span, reference.root, remedy)
            return False
        remedy = choices(reference.root, roots, label="Usable here")
        if reference.root in self.spec.variables:
            remedy = f'Write "var.{reference.root}".'
        elif reference.root in self.spec.locals:
            remedy = f'Write "local.{reference.root}".'
        elif reference.root in self.spec.tasks:
            remedy = f'Write "tasks.{reference.root}".'
        self._add(Code.TEMPLATE_UNDEFINED, f'{owner}: "{reference.root}" is not defined', span, reference.root, remedy)
        return False

    def _path_fits(self, reference: Reference, span: Span) -> bool:
        tables: Mapping[str, tuple[Mapping[str, object], str]] = {
            "var": (self.spec.variables, "Variables"),
            "local": (self.spec.locals, "Locals"),
            "each": (dict.fromkeys(EACH_ATTRIBUTES), "Attributes of each"),
            "launch": (dict.fromkeys(LAUNCH_ATTRIBUTES), "Attributes of launch"),
            "failure": (dict.fromkeys(FAILURE_ATTRIBUTES), "Attributes of failure"),
        }
        if reference.root not in tables:
            return True
        names, label = tables[reference.root]
        return self._name(reference, names, span, label)

    def _name(self, reference: Reference, names: Mapping[str, object], span: Span, label: str) -> bool:
        if not reference.steps or isinstance(reference.steps[0], Dynamic) or reference.steps[0] in names:
            return True
        name = str(reference.steps[0])
        summary = f'there is no "{reference.root}.{name}"'
        self._add(Code.TEMPLATE_UNDEFINED, summary, span, f"{reference.root}.{name}", choices(name, names, label=label))
        return False

    def task_reference(self, reference: Reference, span: Span, owner: str) -> Dependency | None:
        """The dependency that `tasks.x…` makes; a problem when there is no such task, cell or result."""
        if reference.root != "tasks":
            return None
        if not reference.steps or isinstance(reference.steps[0], Dynamic):
            self._add(
                Code.UNKNOWN_TASK,
                f"{owner} computes the name of a task, so what it depends on cannot be known",
                span,
                "tasks",
                "Name the task, or list the tasks in depends_on and pass their results on by name.",
            )
            return None
        name = str(reference.steps[0])
        upstream = self.spec.tasks.get(name)
        if upstream is None:
            remedy = choices(name, self.spec.tasks, label="Tasks")
            self._add(Code.UNKNOWN_TASK, f'{owner}: there is no task "{name}"', span, f"tasks.{name}", remedy)
            return None
        cell, rest = None, reference.steps[1:]
        if upstream.has_for_each and rest:
            cell, rest = _cell(rest[0]), rest[1:]
            if cell is not None and cell in TASK_ATTRIBUTES:
                remedy = f"Say which: tasks.{name}[each.key].{cell}, tasks.{name}['key'].{cell}; or all: tasks.{name} | map(attribute='{cell}')."
                self._add(Code.FAN_OUT, f'task "{name}" has an instance per item', span, reference.text, remedy)
                return None
        self._attribute(upstream, rest, span, reference)
        return Dependency(name, cell, reference.text, span.narrowed(reference.text))

    def _attribute(self, upstream: TaskDecl, rest: tuple[object, ...], span: Span, reference: Reference) -> None:
        if not rest or isinstance(rest[0], Dynamic):
            return
        if rest[0] not in TASK_ATTRIBUTES:
            summary = f'a task has no "{rest[0]}"'
            remedy = choices(str(rest[0]), TASK_ATTRIBUTES, label="Attributes of a task")
            self._add(Code.TEMPLATE_UNDEFINED, summary, span, reference.text, remedy)
        elif rest[0] == "results" and len(rest) > 1 and isinstance(rest[1], str) and rest[1] not in upstream.results:
            summary = f'task "{upstream.name}" has no result "{rest[1]}"'
            remedy = choices(rest[1], upstream.results, label="Its results")
            self._add(Code.TEMPLATE_UNDEFINED, summary, span, reference.text, remedy)

    def _add(self, code: Code, summary: str, span: Span, text: str, remedy: str) -> None:
        self.problems.append(Diagnostic(code, summary, span.narrowed(text), remedy=remedy))


_WHY_NOT_HERE = {
    "tasks": "It must be known before anything is launched.",
    "each": "The task has no for_each, or this is the for_each itself.",
    "launch": "There is no launch yet at this point.",
    "results": "Results are read after the launch has ended; use tasks.NAME.results in later tasks.",
    "failure": "Only outputs know of a failure.",
    "var": "",
    "local": "",
}


def _section(task: TaskDecl, section: str) -> Json:
    if section == "checks":
        return [[check.condition, check.message] for check in task.checks]
    return getattr(task, section)


def _cell(step: object) -> str | None:
    """The key an index names; None, for the whole task, when it is computed."""
    if isinstance(step, Dynamic):
        return Index.EACH_KEY if step.kind == Index.EACH_KEY else None
    return str(step)
