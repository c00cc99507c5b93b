"""What the expressions of included specs mean: their variables come from the inputs, their results go to the includer.

A part sees its own `var`, `local` and `tasks` and nothing else. An input may be known only once a launch has ended;
then so is every value made of it, and it is evaluated anew until it is known.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from taskspec.diagnostics import Code, Diagnostic, Span, choices
from taskspec.errors import SpecError
from taskspec.spec.includes import Include
from taskspec.spec.model import SpecFile, Variable
from taskspec.spec.parser import is_folder
from taskspec.spec.variables import unfit_input
from taskspec.template.evaluate import base_scope
from taskspec.template.missing import ExpressionError
from taskspec.template.render import Renderer, RenderError
from taskspec.template.scope import PartView, TasksView
from taskspec.values import Json, Unknown, canonical, is_known


@dataclass(frozen=True, slots=True)
class Part:
    """One included spec where it is included. `folder` is where it lies, seen from the folder of the whole."""

    prefix: str
    parent: str
    include: Include
    spec: SpecFile
    renderer: Renderer
    folder: str

    def module(self, module: Json) -> Json:
        """A module as the whole names it: a folder beside the part is seen from the folder of the whole."""
        if self.spec.profile is not None:
            module = self.spec.profile.modules.get(str(module), module)
        if not is_folder(module) or posixpath.isabs(module):
            return module
        path = posixpath.normpath(posixpath.join(self.folder, module))
        return path if path.startswith("..") or posixpath.isabs(path) else f"./{path}"


def check_inputs(part: Part, parent: SpecFile) -> Iterator[Diagnostic]:
    """Inputs the part does not declare, and variables of it that nobody gives a value."""
    name, declared = part.include.name, part.spec.variables
    for given in part.include.inputs:
        if given not in declared:
            span = parent.span(("include", name, "inputs", given), key=True)
            summary = f'include "{name}" gives a value to "{given}", which {_file(part)} does not declare'
            remedy = choices(given, declared, label="Its variables")
            yield Diagnostic(Code.VARIABLE_UNKNOWN, summary, span, remedy=remedy)
    from_profile = part.spec.profile.variables if part.spec.profile is not None else {}
    for variable in declared.values():
        if not (variable.has_default or variable.name in part.include.inputs or variable.name in from_profile):
            span = parent.span(("include", name), key=True)
            about = f" ({variable.description})" if variable.description else ""
            summary = f'include "{name}" gives no value to "{variable.name}" of {_file(part)}{about}'
            remedy = f"Add it: inputs: {{{variable.name}: …}}."
            yield Diagnostic(Code.VARIABLE_MISSING, summary, span, remedy=remedy)


def _file(part: Part) -> str:
    return f'"{part.spec.document.source.name}"'


class Names(Protocol):
    """What the inputs of a part are written in: the names of the spec that includes it."""

    def early(self) -> Mapping[str, Json]: ...

    def names(self) -> Mapping[str, Json]: ...


@dataclass(frozen=True, slots=True)
class RootNames:
    """The names of the spec that is not included by another."""

    renderer: Renderer
    base: Mapping[str, Json]
    tasks: TasksView

    def early(self) -> Mapping[str, Json]:
        return self.names()

    def names(self) -> Mapping[str, Json]:
        return {**self.renderer.functions.scope, **self.base, "tasks": self.tasks}


def part_scopes(
    root: SpecFile, names: RootNames, parts: Sequence[Part], waiting: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> dict[str, PartScope]:
    """A scope for each part, those that include before those that are included; each is put into its parent's tasks."""
    scopes: dict[str, PartScope] = {}
    for part in parts:
        above = scopes[part.parent] if part.parent else None
        parent = above.part.spec if above is not None else root
        scope = PartScope(part, parent, above if above is not None else names, waiting[part.prefix])
        (above.tasks if above is not None else names.tasks).join(part.include.name, scope.view())
        scopes[part.prefix] = scope
    return scopes


@dataclass(slots=True)
class PartScope:
    """The names inside one part. `waiting` are the variables whose input comes from a task, and the tasks by name."""

    part: Part
    parent: SpecFile
    around: Names
    waiting: Mapping[str, tuple[str, ...]]
    tasks: TasksView = field(default_factory=TasksView)
    _settled: Mapping[str, Json] | None = None

    def view(self) -> PartView:
        """The part as the spec that includes it sees it."""
        return PartView(self.part.include.name, self.tasks, tuple(self.part.spec.results), self._result)

    def early(self) -> Mapping[str, Json]:
        """The names before anything is planned: what comes from a task is unknown."""
        unknown = {name: Unknown(*producers) for name, producers in self.waiting.items()}
        return self._names(self.around.early(), unknown)

    def names(self) -> Mapping[str, Json]:
        """The names as far as they are known by now. Raises SpecError for an input that does not fit."""
        if self._settled is not None:
            return self._settled
        names = self._names(self.around.names(), {})
        if is_known(names["var"]):
            self._settled = names
        return names

    def _names(self, around: Mapping[str, Json], unknown: Mapping[str, Json]) -> Mapping[str, Json]:
        part = self.part
        variables = {
            name: unknown[name] if name in unknown else self._value(variable, around)
            for name, variable in part.spec.variables.items()
        }
        base = base_scope(part.spec, variables, part.renderer)
        return {**part.renderer.functions.scope, **base, "tasks": self.tasks}

    def _value(self, variable: Variable, around: Mapping[str, Json]) -> Json:
        """A variable's input, what the profile says, or its default. Raises SpecError for one that does not fit."""
        inputs, profile = self.part.include.inputs, self.part.spec.profile
        value, span = variable.default, self.part.spec.span(("variables", variable.name), key=True)
        if variable.name in inputs:
            value, span = self._input(variable.name, inputs[variable.name], around)
        elif profile is not None and variable.name in profile.variables:
            value = profile.variables[variable.name]
            span = self.part.spec.span((*profile.path, "variables", variable.name))
        problem = unfit_input(variable, value) if is_known(value) else ""
        if problem:
            summary = f'{self._owner}: "{variable.name}" of {_file(self.part)} {problem}, and is {canonical(value)}'
            raise SpecError([Diagnostic(Code.VARIABLE_VALUE, summary, span, remedy=variable.description)])
        return value

    def _input(self, name: str, written: Json, around: Mapping[str, Json]) -> tuple[Json, Span]:
        path = ("include", self.part.include.name, "inputs", name)
        try:
            # The functions come with the names around: a path is relative to the file it is written in.
            return self.part.renderer.render(written, around), self.parent.span(path)
        except RenderError as error:
            raise SpecError([error.diagnostic(self.parent.span((*path, *error.path)), self._owner)]) from None

    @property
    def _owner(self) -> str:
        return f'include "{self.part.include.name}"'

    def _result(self, name: str) -> Json:
        try:
            return self.part.renderer.render(self.part.spec.results[name], self.names())
        except RenderError as error:
            raise ExpressionError(f'result "{name}" of {_file(self.part)}: {error.error.message}') from None
        except SpecError as error:
            raise ExpressionError(error.diagnostics[0].summary) from None
