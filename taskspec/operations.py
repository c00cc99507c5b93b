"""The phases of every command, in order: read, analyse, evaluate, look up, refresh, plan, apply, stop.

A command is a few of these in a row. Each phase takes what the one before gave; nothing here prints.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from taskspec.beside import digest_beside
from taskspec.composition import read_sources
from taskspec.diagnostics import Code, Diagnostic, in_order
from taskspec.engine.catalogue import Catalogue
from taskspec.engine.places import look_up_names, with_agents
from taskspec.engine.refresh import observe
from taskspec.engine.secretsource import SecretSource, Trust
from taskspec.engine.server import Server
from taskspec.errors import SpecError, UsageError
from taskspec.plainfile import read_plain
from taskspec.plan.calling import require_allowed
from taskspec.plan.evaluate import Evaluator, Facts
from taskspec.plan.inputs import PlanInputs
from taskspec.plan.model import Plan
from taskspec.plan.planner import final_results, make_plan
from taskspec.plan.selection import Selection
from taskspec.plan.unfolding import names_module
from taskspec.sensitive import Secrets
from taskspec.spec.includes import compose
from taskspec.spec.model import SpecFile
from taskspec.spec.parser import is_folder
from taskspec.spec.secretvalues import SecretKeeper
from taskspec.spec.variables import Assigned, VariableFile, assign_variables
from taskspec.state.model import State
from taskspec.template.evaluate import base_scope
from taskspec.template.flows import analyse_whole
from taskspec.template.instances import Expansion, Instance, expand
from taskspec.template.parts import RootNames, part_scopes
from taskspec.template.scope import TasksView, unknown_view
from taskspec.template.secrecy import exposed_secrets
from taskspec.values import Json, Unknown, is_known

if TYPE_CHECKING:
    from taskspec.engine.apply import Apply
    from taskspec.engine.events import Listener
    from taskspec.engine.ledger import Journal
    from taskspec.engine.tools import Pace
    from taskspec.rehearsal.stage import RehearsalEnvironment


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks for, before anything is read."""

    path: Path
    shown_as: str
    environment: Mapping[str, str]
    var_flags: Sequence[str] = ()
    var_files: Sequence[Path] = ()
    secrets: Secrets = field(default_factory=Secrets)
    trust: Trust = field(default_factory=Trust)
    profile: str = ""


@dataclass(frozen=True, slots=True)
class Project:
    """A spec that has been read, checked and evaluated as far as that goes without a server."""

    spec: SpecFile
    folder: Path
    evaluator: Evaluator
    expansion: Expansion
    warnings: tuple[Diagnostic, ...]
    root: Path | None = None


def open_project(request: Request, *, variables_required: bool = True) -> Project:
    """Read, analyse and evaluate a spec. Raises SpecError with everything wrong that can be found in one go."""
    content, profile = _read(request.path, "spec"), request.profile
    sources = read_sources(request.path, request.shown_as, content, profile, allow_outside=request.trust.allow_outside)
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

    def keeper_in(below: str) -> SecretKeeper:
        return _keeper(request, folder / below, looks_up=variables_required)

    units = part_scopes(spec, RootNames(renderer, base, tasks), sources.parts, weave.waiting, keeper_in)
    spec = compose(spec, {part.prefix: part.spec for part in sources.parts})

    def digest_of(below: str, path: str) -> str:
        return digest_beside(folder / below, path)

    evaluator = Evaluator(spec, renderer, base, tasks, request.secrets, digest_of, units=units)
    expansion = expand(spec, weave.analysis, renderer, base, units=units)
    expansion.declare(tasks)
    return Project(spec, folder, evaluator, expansion, sources.warnings, request.trust.root(folder))


def _read(path: Path, what: str) -> bytes:
    try:
        return read_plain(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f'{what} "{path}" cannot be read: {reason}', remedy="check the path") from None


def assigned(request: Request, spec: SpecFile, *, looks_up: bool = False) -> dict[str, Assigned]:
    """The value of every variable, and where it came from. Raises SpecError with every missing or unfit one."""
    files = [VariableFile(str(path), _read(path, "--var-file")) for path in request.var_files]
    keeper = _keeper(request, request.path.resolve().parent, looks_up=looks_up)
    return assign_variables(spec, environment=request.environment, files=files, flags=request.var_flags, keeper=keeper)


def _keeper(request: Request, folder: Path, *, looks_up: bool) -> SecretKeeper:
    """Who keeps the secrets of a spec that lies in a folder."""
    source = SecretSource(request.environment, folder, request.trust)
    return SecretKeeper(request.secrets, source.read if looks_up and request.trust.looks_up_secrets else None)


def _variables(request: Request, spec: SpecFile, *, required: bool) -> dict[str, Json]:
    try:
        found = assigned(request, spec, looks_up=required)
    except SpecError as error:
        serious = [problem for problem in error.diagnostics if problem.code is not Code.VARIABLE_MISSING]
        if required or serious:
            raise
        return {name: Unknown(f"var.{name}") for name in spec.variables}
    return {name: value.value for name, value in found.items()}


def validate(project: Project, server: Server) -> Sequence[Diagnostic]:
    """Check what can be checked without a server: folders of apps too. Returns warnings, raises SpecError."""
    catalogue = Catalogue(project.spec, project.folder, server, project.root)
    local = [i for i in project.expansion.instances if _is_known_folder(project, i.task.module) and names_module(i)]
    facts = catalogue.look_up(project.evaluator, local) if server.is_local else {}
    for instance in project.expansion.instances:
        if not instance.is_folded:
            view = unknown_view(instance.address, instance.task.results)
            project.evaluator.tasks.put(instance.task.name, instance.key, view)
    problems: list[Diagnostic] = []
    calls = [instance for instance in project.expansion.instances if instance.task.call is not None]
    for instance in project.expansion.instances:
        if instance.task.when is not True:
            try:
                project.evaluator.condition(instance)
            except SpecError as error:
                problems.extend(error.diagnostics)
    for instance in [*(local if facts else ()), *calls]:
        try:
            project.evaluator.request(instance, facts)
        except SpecError as error:
            problems.extend(error.diagnostics)
    if problems:
        raise SpecError(in_order(problems))
    final_results(project.evaluator)
    return project.warnings


def _is_known_folder(project: Project, module: str | int) -> bool:
    """Whether an app is a folder we can look into; one that is named by a variable without a value is not."""
    return is_folder(module) and ("{{" not in str(module) or is_known(project.evaluator.base["var"]))


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and what it was made with and of; apply goes on with all of it."""

    plan: Plan
    catalogue: Catalogue
    inputs: PlanInputs


def make(project: Project, server: Server, state: State, selection: Selection) -> Planned:
    """Look up, refresh and plan. Raises SpecError, UsageError or ApiError; changes nothing anywhere."""
    project.evaluator.secrets.salt = server.label
    catalogue = Catalogue(project.spec, project.folder, server)

    def look_up(instances: Iterable[Instance]) -> Facts:
        there = [instance for instance in instances if not instance.is_folded]
        look_up_names(catalogue.places, project.evaluator, there)
        return catalogue.look_up(project.evaluator, filter(names_module, instances))

    facts = look_up(project.expansion.instances)
    inputs = PlanInputs(
        server=server.label,
        expansion=project.expansion,
        facts=facts,
        state=state,
        world=observe(server, state),
        selection=selection,
        warnings=project.warnings,
        look_up=look_up,
    )
    plan = make_plan(project.evaluator, inputs)
    instances = plan.expansion.instances
    catalogue.check_places((instances[task.node], task.request) for task in plan.tasks if not task.is_folded)
    plan = with_agents(catalogue.places, project.spec, plan, time.monotonic())
    return Planned(_with_reusable(catalogue, plan), catalogue, inputs)


def _with_reusable(catalogue: Catalogue, plan: Plan) -> Plan:
    tasks = (instance.task for instance in plan.expansion.instances)
    if not any(task.service is not None and task.service.reuse for task in tasks):
        return plan
    # Only such a plan pays for the part of the engine that looks for running launches.
    from taskspec.engine.reuse import with_reusable  # noqa: PLC0415 - see above

    return with_reusable(catalogue, plan, time.monotonic())


def prepare_apply(
    project: Project,
    server: Server,
    planned: Planned,
    store: Journal,
    listener: Listener,
    pace: Pace,
    stage: RehearsalEnvironment | None = None,
    *,
    commands: Path | None = None,
) -> Apply:
    """An apply that is ready to go; separate from going so that a signal handler can reach it.

    `commands` is where it is noted which commands of this machine run. Without it none may: where the plan has some,
    raises UsageError.
    A stage brings a time of its own: a rehearsal runs on one that it moves.
    """
    # The engine and its client cost start-up time that a plan does not need.
    from taskspec.engine.apply import Apply  # noqa: PLC0415 - see above
    from taskspec.engine.evidence import look  # noqa: PLC0415 - see above
    from taskspec.engine.performers import performers  # noqa: PLC0415 - see above
    from taskspec.engine.tools import Tools  # noqa: PLC0415 - see above
    from taskspec.engine.workers import Threads  # noqa: PLC0415 - see above

    project.evaluator.renderer.lift()
    clock = stage.clock if stage is not None else time.monotonic
    if stage is None:
        require_allowed(planned.plan, allow_local=commands is not None)
    secrets = project.evaluator.secrets
    real = performers(server, project.folder, clock, os.environ, secrets, commands=commands)
    tools = Tools(
        server=server,
        store=store,
        evaluator=project.evaluator,
        catalogue=planned.catalogue,
        listener=listener,
        clock=clock,
        wall=stage.wall if stage is not None else time.time,
        pace=pace,
        hands=stage.hands if stage is not None else Threads(),
        performer=stage.performer if stage is not None else real,
        inputs=planned.inputs,
        look=stage.elsewhere.look if stage is not None else look,
    )
    return Apply(planned.plan, tools)
