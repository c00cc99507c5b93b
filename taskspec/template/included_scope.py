"""What the expressions of included specs mean: their variables come from the inputs, their results go to the includer.

A part sees its own `var`, `local` and `tasks` and nothing else. An input may be known only once a launch has ended.
The same is true of every value made of it, which is evaluated again until it is known.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic, Span, choices
from taskspec.errors import SpecError
from taskspec.secrets.sensitive import is_sensitive, reveal_where_possible, sensitive_in
from taskspec.specfile.includes import Include, qualified_name
from taskspec.specfile.model import SpecFile, Variable, is_folder
from taskspec.specfile.secret_variables import SecretResolver, secret_problem
from taskspec.specfile.variables import from_text, input_problem
from taskspec.template.expressions.expression import is_template
from taskspec.template.expressions.render import Renderer, RenderError
from taskspec.template.expressions.task_views import IncludedSpecView, LazyValues, TasksView
from taskspec.template.expressions.undefined import ExpressionError
from taskspec.template.locals import LOCAL_LIMIT, base_scope
from taskspec.values import Json, Unknown, canonical, is_known, weighs_more_than


@dataclass(frozen=True, slots=True)
class IncludedSpec:
    """One included spec where it is included. `folder` is where it lies, seen from the folder of the whole."""

    prefix: str
    parent: str
    include: Include
    spec: SpecFile
    renderer: Renderer
    folder: str

    def module(self, module: Json) -> Json:
        """A module as the whole names it: a folder is relative to the folder of the whole."""
        if self.spec.profile is not None:
            module = self.spec.profile.modules.get(str(module), module)
        if not is_folder(module) or posixpath.isabs(module):
            return module
        path = posixpath.normpath(posixpath.join(self.folder, module))
        return path if path.startswith("..") or posixpath.isabs(path) else f"./{path}"


def check_inputs(part: IncludedSpec, parent: SpecFile) -> Iterator[Diagnostic]:
    """Inputs the part does not declare, and variables of it that have no value."""
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


def _file(part: IncludedSpec) -> str:
    return f'"{part.spec.document.source.name}"'


@dataclass(frozen=True, slots=True)
class RootNames:
    """What the inputs of a part are written in, where the root includes it. For other parts it is an IncludedScope."""

    renderer: Renderer
    base: Mapping[str, Json]
    tasks: TasksView
    folder: str = ""

    def early(self) -> Mapping[str, Json]:
        return self.names()

    def names(self) -> Mapping[str, Json]:
        return {**self.renderer.functions.scope, **self.base, "tasks": self.tasks}


KeeperIn = Callable[[str], SecretResolver]
"""What looks up the secrets of a spec, by the folder of the spec relative to that of the whole."""


def included_scopes(
    root: SpecFile,
    names: RootNames,
    parts: Sequence[IncludedSpec],
    waiting: Mapping[str, Mapping[str, tuple[str, ...]]],
    keeper_in: KeeperIn,
) -> dict[str, IncludedScope]:
    """A scope for each part, each put into the tasks of its parent. Raises SpecError with every value that is unfit."""
    scopes: dict[str, IncludedScope] = {}
    problems: list[Diagnostic] = []
    for part in parts:
        above = scopes.get(part.parent)
        if part.parent and above is None:
            continue  # the problem of the part around it is reported already
        parent, around = (above.part.spec, above) if above is not None else (root, names)
        try:
            scope = IncludedScope(part, parent, around, waiting[part.prefix], keeper_in)
        except SpecError as error:
            problems.extend(error.diagnostics)
            continue
        (above.tasks if above is not None else names.tasks).join(part.include.name, scope.view())
        scopes[part.prefix] = scope
    if problems:
        raise SpecError(problems)
    return scopes


@dataclass(slots=True)
class TaskViews:
    """What expressions see of tasks: those of the spec, and those of each included spec by its name in the whole.

    A plan makes its own, and a run starts from those of its plan.
    """

    tasks: TasksView = field(default_factory=TasksView)
    units: Mapping[str, IncludedScope] = field(default_factory=dict)

    def copy(self, renderer: Renderer, base: Mapping[str, Json]) -> TaskViews:
        """Views that start from these. To change one of them does not change the other."""
        tasks, units = self.tasks.copy(), dict[str, IncludedScope]()
        root = RootNames(renderer, base, tasks)
        for prefix, scope in self.units.items():
            above = units.get(scope.part.parent)
            units[prefix] = scope.copy(above if above is not None else root)
            (above.tasks if above is not None else tasks).join(scope.part.include.name, units[prefix].view())
        return TaskViews(tasks, units)

    def take(self, other: TaskViews) -> None:
        self.tasks, self.units = other.tasks, other.units


class IncludedScope:
    """The names inside one part. `waiting` are the variables whose input comes from tasks, and which."""

    def __init__(
        self,
        part: IncludedSpec,
        parent: SpecFile,
        around: RootNames | IncludedScope,
        waiting: Mapping[str, tuple[str, ...]],
        keeper_in: KeeperIn,
        like: IncludedScope | None = None,
    ) -> None:
        self.part = part
        self._secret_resolver_for = keeper_in
        self.tasks: TasksView = like.tasks.copy() if like is not None else TasksView()
        self._parent = parent
        self._around = around
        self._waiting = waiting
        early = like.early() if like is not None else self._evaluated(waiting)
        self._early_names = {**early, "tasks": self.tasks}
        self._now = self._view_in_progress(waiting) if waiting else self._early_names

    def copy(self, around: RootNames | IncludedScope) -> IncludedScope:
        """The same names over a copy of the views of its tasks, inside a copy of what is around."""
        return IncludedScope(self.part, self._parent, around, self._waiting, self._secret_resolver_for, like=self)

    @property
    def folder(self) -> str:
        return self.part.folder

    def view(self) -> IncludedSpecView:
        """The part as the spec that includes it sees it."""
        return IncludedSpecView(
            self.part.include.name, self.tasks, LazyValues(tuple(self.part.spec.results), self._result)
        )

    def early(self) -> Mapping[str, Json]:
        """The names before anything is planned: what comes from a task is unknown."""
        return self._early_names

    def names(self) -> Mapping[str, Json]:
        """The names as they are known by now; an input that does not fit fails what uses it, and nothing else."""
        return self._now

    def _evaluated(self, waiting: Mapping[str, tuple[str, ...]]) -> Mapping[str, Json]:
        spec, renderer = self.part.spec, self.part.renderer
        variables: dict[str, Json] = {name: Unknown(*producers) for name, producers in waiting.items()}
        problems: list[Diagnostic] = []
        for name in (name for name in spec.variables if name not in waiting):
            try:
                variables[name] = self._value(name, self._around.early())
            except SpecError as error:
                problems.extend(error.diagnostics)
        if problems:
            raise SpecError(problems)
        return {**renderer.functions.scope, **base_scope(spec, variables, renderer)}

    def _view_in_progress(self, waiting: Mapping[str, object]) -> Mapping[str, Json]:
        """As the early names; what was unknown there is evaluated when it is asked for, until it is known."""
        variables, constants = self._early_names["var"], self._early_names["local"]
        settled = {name: value for name, value in variables.items() if name not in waiting}
        fixed = {name: value for name, value in constants.items() if is_known(value)}
        growing = {**self._early_names}
        growing["var"] = LazyValues(
            tuple(variables), lambda name: self._kept(settled, name, self._variable(name)), settled
        )
        growing["local"] = LazyValues(tuple(constants), lambda name: self._kept(fixed, name, self._local(name)), fixed)
        return growing

    def _kept(self, kept: dict[str, Json], name: str, value: Json) -> Json:
        if is_known(value):
            kept[name] = value
        return value

    def _variable(self, name: str) -> Json:
        try:
            return self._value(name, self._around.names())
        except SpecError as error:
            raise ExpressionError(error.diagnostics[0].summary) from None

    def _local(self, name: str) -> Json:
        try:
            value = self.part.renderer.render(self.part.spec.locals[name], self._now)
        except RenderError as error:
            raise ExpressionError(f'local "{name}": {error.error.message}') from None
        if weighs_more_than(value, LOCAL_LIMIT):
            raise ExpressionError(f'local "{name}" becomes too large')
        return value

    def _value(self, name: str, around: Mapping[str, Json]) -> Json:
        """A variable's input, what the profile says, or its default. Raises SpecError for one that does not fit."""
        spec, inputs = self.part.spec, self.part.include.inputs
        variable, profile = spec.variables[name], spec.profile
        value, span = variable.default, spec.span(("variables", name), key=True)
        if name in inputs:
            value, span = self._input(name, inputs[name], around)
        elif profile is not None and name in profile.variables:
            value, span = profile.variables[name], spec.span((*profile.path, "variables", name))
        if not is_known(value):
            return value
        if variable.sensitive and not is_sensitive(value):
            return self._secret(variable, value, span)
        if any(secret.is_withheld for secret in sensitive_in(value)):
            return value
        problem = input_problem(variable, reveal_where_possible(value))
        if problem and is_sensitive(value):
            raise SpecError([secret_problem(spec, variable, problem, self._owner)])
        if problem:
            summary = f'{self._owner}: "{name}" of {_file(self.part)} {problem}, and is {canonical(value)}'
            raise SpecError([Diagnostic(Code.VARIABLE_VALUE, summary, span, remedy=variable.description)])
        return value

    def _secret(self, variable: Variable, value: Json, span: Span) -> Json:
        """The value of a sensitive variable, looked up where it is a reference; a path begins where it is written."""
        spec, written = self.part.spec, self.part.include.inputs.get(variable.name)
        is_input, name = variable.name in self.part.include.inputs, qualified_name(self.part.prefix, variable.name)
        keeper = self._secret_resolver_for(self._around.folder if is_input else self.part.folder)
        found = keeper.text(spec, variable, value, None if is_input and is_template(written) else span)
        if isinstance(found, Diagnostic):
            raise SpecError([found])
        if found is not None and keeper.read is None:
            return keeper.secrets.keep_unresolved(name)
        known = value if found is None else from_text(variable, found)
        problem = input_problem(variable, known)
        if problem:
            raise SpecError([secret_problem(spec, variable, problem, self._owner)])
        return keeper.secrets.keep(name, known)

    def _input(self, name: str, written: Json, around: Mapping[str, Json]) -> tuple[Json, Span]:
        path = ("include", self.part.include.name, "inputs", name)
        try:
            # The functions come with the names around: a path is relative to the file it is written in.
            return self.part.renderer.render(written, around), self._parent.span(path)
        except RenderError as error:
            raise SpecError([error.diagnostic(self._parent.span((*path, *error.path)), self._owner)]) from None

    @property
    def _owner(self) -> str:
        return f'include "{self.part.include.name}"'

    def _result(self, name: str) -> Json:
        try:
            return self.part.renderer.render(self.part.spec.results[name], self._now)
        except RenderError as error:
            raise ExpressionError(f'result "{name}" of {_file(self.part)}: {error.error.message}') from None
