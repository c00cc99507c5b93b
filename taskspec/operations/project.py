"""Open a project: read a spec and those it includes, check them, and evaluate what needs no server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskspec.diagnostics import Code, Diagnostic, in_order
from taskspec.errors import SpecError
from taskspec.files.project_files import read_file
from taskspec.files.uploads import uploads_digest
from taskspec.operations.sources import read_sources
from taskspec.plan.evaluator import Evaluator
from taskspec.secrets.secret_source import SecretSource, Trust
from taskspec.secrets.sensitive import Secrets
from taskspec.specfile.includes import qualified_name
from taskspec.specfile.model import ServiceDecl, SpecFile, compose
from taskspec.specfile.secret_variables import SecretResolver
from taskspec.specfile.variables import Assigned, VariableFile, assign_variables
from taskspec.template.expansion.instances import Expansion, expand
from taskspec.template.expressions.task_views import TasksView
from taskspec.template.included_scope import RootNames, TaskViews, included_scopes
from taskspec.template.locals import base_scope
from taskspec.template.references.included_references import analyse_whole
from taskspec.template.references.secret_flow import exposed_secrets
from taskspec.values import Json, Unknown


@dataclass(frozen=True, slots=True)
class Request:
    """The spec that a command line names, and how to read it."""

    path: Path
    shown_as: str
    environment: Mapping[str, str]
    var_flags: Sequence[str] = ()
    var_files: Sequence[Path] = ()
    secrets: Secrets = field(default_factory=Secrets)
    trust: Trust = field(default_factory=Trust)
    profile: str = ""
    insecure: bool = False
    """Whether the token may go to another machine over http."""


@dataclass(frozen=True, slots=True)
class Project:
    """A spec that was read, checked and evaluated without a server."""

    spec: SpecFile
    folder: Path
    evaluator: Evaluator
    expansion: Expansion
    warnings: tuple[Diagnostic, ...]
    root: Path | None = None

    def secret_names(self) -> list[str]:
        """The sensitive variables of the spec and of those it includes, by their qualified names."""
        specs = {"": self.spec, **self.spec.units}
        declared = ((prefix, variable) for prefix, spec in specs.items() for variable in spec.variables.values())
        return [qualified_name(prefix, variable.name) for prefix, variable in declared if variable.sensitive]


def open_project(request: Request, *, variables_required: bool = True) -> Project:
    """Read, analyse and evaluate a spec. Raises SpecError with every problem that one pass finds."""
    profile, allow_outside = request.profile, request.trust.allow_outside
    content = read_file(request.path, "spec ", allow_outside=allow_outside)
    sources = read_sources(request.path, request.shown_as, content, profile, allow_outside=allow_outside)
    spec, renderer, warnings = sources.root, sources.renderer, sources.warnings
    weave = analyse_whole(spec, renderer, sources.parts)
    problems = list(weave.analysis.problems)
    variables: dict[str, Json] = {}
    try:
        variables = _variables(request, spec, required=variables_required)
    except SpecError as error:
        problems.extend(error.diagnostics)
    problems.extend(exposed_secrets(spec, renderer, sources.parts))
    if problems:
        raise SpecError(in_order([*problems, *warnings]))
    tasks = TasksView()
    folder = request.path.resolve().parent
    base = base_scope(spec, variables, renderer)

    def keeper_in(below: str) -> SecretResolver:
        return _secret_resolver(request, folder / below, looks_up=variables_required)

    units = included_scopes(spec, RootNames(renderer, base, tasks), sources.parts, weave.waiting, keeper_in)
    spec = compose(spec, {part.prefix: part.spec for part in sources.parts})

    def digest_of(below: str, path: str) -> str:
        return uploads_digest(folder / below, path)

    has_services = any(isinstance(task, ServiceDecl) for task in spec.tasks.values())
    views = TaskViews(tasks, units)
    evaluator = Evaluator(spec, renderer, base, views, request.secrets, digest_of, has_services=has_services)
    expansion = expand(spec, weave.analysis, renderer, base, units=units)
    expansion.declare(tasks)
    return Project(spec, folder, evaluator, expansion, sources.warnings, request.trust.root(folder))


def assign_all_variables(request: Request, spec: SpecFile, *, looks_up: bool = False) -> dict[str, Assigned]:
    """Return each variable's value and its origin. Raises SpecError with every missing or invalid value."""
    allow_outside = request.trust.allow_outside
    contents = [(path, read_file(path, "--var-file ", allow_outside=allow_outside)) for path in request.var_files]
    files = [VariableFile(str(path), content) for path, content in contents]
    keeper = _secret_resolver(request, request.path.resolve().parent, looks_up=looks_up)
    return assign_variables(spec, environment=request.environment, files=files, flags=request.var_flags, keeper=keeper)


def _secret_resolver(request: Request, folder: Path, *, looks_up: bool) -> SecretResolver:
    """Return the resolver for secret references; relative paths start in `folder`."""
    source = SecretSource(request.environment, folder, request.trust)
    return SecretResolver(request.secrets, source.read if looks_up and request.trust.looks_up_secrets else None)


def _variables(request: Request, spec: SpecFile, *, required: bool) -> dict[str, Json]:
    try:
        found = assign_all_variables(request, spec, looks_up=required)
    except SpecError as error:
        serious = [problem for problem in error.diagnostics if problem.code is not Code.VARIABLE_MISSING]
        if required or serious:
            raise
        return {name: Unknown(f"var.{name}") for name in spec.variables}
    return {name: value.value for name, value in found.items()}
