"""The phases of every command, in order: read, analyse, evaluate, look up, refresh, plan, apply, stop.

A command is a few of these in a row. Each phase takes what the one before gave; nothing here prints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from taskspec.composition import read_sources
from taskspec.diagnostics import Code, Diagnostic, in_order
from taskspec.engine.catalogue import Catalogue
from taskspec.engine.refresh import observe
from taskspec.engine.server import Server
from taskspec.engine.stopping import try_stop
from taskspec.errors import LockHeld, SpecError, UsageError
from taskspec.plan.evaluate import Evaluator
from taskspec.plan.model import Observed, Plan
from taskspec.plan.planner import PlanInputs, Selection, final_results, make_plan
from taskspec.spec.includes import compose
from taskspec.spec.model import SpecFile
from taskspec.spec.parser import is_folder
from taskspec.spec.variables import VariableFile, assign_variables
from taskspec.state.database import is_there, usable
from taskspec.state.lease import this_owner
from taskspec.state.model import Event, EventKind, Outcome, Record, State
from taskspec.state.store import StateStore, open_store
from taskspec.template.evaluate import base_scope
from taskspec.template.flows import analyse_whole
from taskspec.template.instances import Expansion, expand
from taskspec.template.parts import RootNames, part_scopes
from taskspec.template.scope import TasksView, TaskView, unknown_view
from taskspec.values import Json, Unknown, is_known

if TYPE_CHECKING:
    from taskspec.engine.apply import Apply
    from taskspec.engine.events import Listener
    from taskspec.engine.ledger import Journal
    from taskspec.engine.tools import Pace
    from taskspec.rehearsal.stage import Stage

STATE_FOLDER = ".taskspec"
LOCK_LOOK_SECONDS = 0.25
"""Between two looks whether another writer has ended."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a command line asks for, before anything is read."""

    path: Path
    shown_as: str
    environment: Mapping[str, str]
    var_flags: Sequence[str] = ()
    var_files: Sequence[Path] = ()
    profile: str = ""
    allow_outside: bool = False


@dataclass(frozen=True, slots=True)
class Project:
    """A spec that has been read, checked and evaluated as far as that goes without a server."""

    spec: SpecFile
    folder: Path
    evaluator: Evaluator
    expansion: Expansion
    warnings: tuple[Diagnostic, ...]


def open_project(request: Request, *, variables_required: bool = True) -> Project:
    """Read, analyse and evaluate a spec. Raises SpecError with everything wrong that can be found in one go."""
    content, profile = _read(request.path, "spec"), request.profile
    sources = read_sources(request.path, request.shown_as, content, profile, allow_outside=request.allow_outside)
    spec, renderer, warnings = sources.root, sources.renderer, sources.warnings
    weave = analyse_whole(spec, renderer, sources.parts)
    problems = list(weave.analysis.problems)
    variables: dict[str, Json] = {}
    try:
        variables = _variables(request, spec, required=variables_required)
    except SpecError as error:
        problems.extend(error.diagnostics)
    if problems:
        raise SpecError(in_order([*problems, *warnings]))
    tasks = TasksView()
    base = base_scope(spec, variables, renderer)
    units = part_scopes(spec, RootNames(renderer, base, tasks), sources.parts, weave.waiting)
    spec = compose(spec, {part.prefix: part.spec for part in sources.parts})
    evaluator = Evaluator(spec, renderer, base, tasks, units)
    expansion = expand(spec, weave.analysis, renderer, base, {name: unit.early() for name, unit in units.items()})
    for name, task in spec.tasks.items():
        if task.is_fanned_out:
            tasks.declare(name)
    return Project(spec, request.path.resolve().parent, evaluator, expansion, warnings)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f'{what} "{path}" cannot be read: {reason}', remedy="check the path") from None


def _variables(request: Request, spec: SpecFile, *, required: bool) -> dict[str, Json]:
    files = [VariableFile(str(path), _read(path, "--var-file")) for path in request.var_files]
    try:
        assigned = assign_variables(spec, environment=request.environment, files=files, flags=request.var_flags)
    except SpecError as error:
        serious = [problem for problem in error.diagnostics if problem.code is not Code.VARIABLE_MISSING]
        if required or serious:
            raise
        return {name: Unknown(f"var.{name}") for name in spec.variables}
    return {name: value.value for name, value in assigned.items()}


def validate(project: Project, server: Server) -> Sequence[Diagnostic]:
    """Check what can be checked without a server: folders of apps too. Returns warnings, raises SpecError."""
    catalogue = Catalogue(project.spec, project.folder, server)
    local = [i for i in project.expansion.instances if _is_known_folder(project, i.task.module)]
    facts = catalogue.look_up(project.evaluator, local) if server.is_local else {}
    for instance in project.expansion.instances:
        project.evaluator.tasks.put(
            instance.task.name, instance.key, unknown_view(instance.address, instance.task.results)
        )
    problems: list[Diagnostic] = []
    for instance in local if facts else []:
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


def state_path(project: Project, request: Request, server: Server) -> Path:
    """Where the state of this spec on this server lives: never two servers in one file.

    Raises UsageError when the spec's profile is for another server.
    """
    server.check(project.spec.profile)
    return state_place(project.folder, request, server)


def state_place(folder: Path, request: Request, server: Server) -> Path:
    """As `state_path`, of a spec that need not be valid; `folder` is where it lies."""
    return folder / STATE_FOLDER / request.path.stem / f"{server.label}.db"


def read_state(path: Path) -> State:
    """The state as it is; an empty one where nothing was ever applied. Nothing is created."""
    if not is_there(path):
        return State(lineage="", serial=0, records={}, runs=())
    with open_store(path, clock=time.time) as store:
        return store.load()


@dataclass(frozen=True, slots=True)
class Turn:
    """How long to wait for another writer to end, in seconds, and whom to tell, once, that we do."""

    timeout: float = 0.0
    told: Callable[[str], None] = lambda _: None


@contextmanager
def writing(path: Path, turn: Turn | None = None) -> Iterator[StateStore]:
    """The state, with the lease held. Raises LockHeld while another run writes, after waiting as long as asked."""
    with usable(path):
        ignore = path.parent.parent / ".gitignore"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
    with open_store(path, clock=time.time) as store:
        _take_turn(store, turn or Turn())
        try:
            yield store
        finally:
            store.release()


def _take_turn(store: StateStore, turn: Turn) -> None:
    """Acquire the lease, trying again until the time is up."""
    owner, end, was_told = this_owner(), time.monotonic() + turn.timeout, False
    while True:
        try:
            store.acquire(owner)
        except LockHeld as error:
            left = end - time.monotonic()
            if left <= 0:
                raise
            if not was_told:
                turn.told(error.message)
                was_told = True
            time.sleep(min(LOCK_LOOK_SECONDS, left))
        else:
            return


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and the catalogue it was made with; apply goes on with both."""

    plan: Plan
    catalogue: Catalogue


def make(project: Project, server: Server, state: State, selection: Selection) -> Planned:
    """Look up, refresh and plan. Raises SpecError, UsageError or ApiError; changes nothing anywhere."""
    catalogue = Catalogue(project.spec, project.folder, server)
    facts = catalogue.look_up(project.evaluator, project.expansion.instances)
    inputs = PlanInputs(
        server=server.label,
        expansion=project.expansion,
        facts=facts,
        state=state,
        world=observe(server, state),
        selection=selection,
        warnings=project.warnings,
    )
    plan = make_plan(project.evaluator, inputs)
    requests = [(project.expansion.instances[t.node], t.request) for t in plan.tasks if t.request is not None]
    catalogue.check_places((instance, request.workspace, request.agent) for instance, request in requests)
    return Planned(plan, catalogue)


def prepare_apply(
    project: Project,
    server: Server,
    planned: Planned,
    store: Journal,
    listener: Listener,
    pace: Pace,
    stage: Stage | None = None,
) -> Apply:
    """An apply that is ready to go; separate from going so that a signal handler can reach it.

    A stage brings a time of its own: a rehearsal runs on one that it moves.
    """
    # The engine and its client cost start-up time that a plan does not need.
    from taskspec.engine.apply import Apply  # noqa: PLC0415 - see above
    from taskspec.engine.tools import Tools  # noqa: PLC0415 - see above
    from taskspec.engine.workers import Threads  # noqa: PLC0415 - see above

    tools = Tools(
        server=server,
        store=store,
        evaluator=project.evaluator,
        catalogue=planned.catalogue,
        listener=listener,
        clock=stage.clock if stage is not None else time.monotonic,
        wall=stage.wall if stage is not None else time.time,
        pace=pace,
        hands=stage.hands if stage is not None else Threads(),
    )
    return Apply(planned.plan, tools)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one address: the record, and what the server says now."""

    record: Record
    observed: Observed | None


def standings(server: Server, state: State) -> list[Standing]:
    """Every address on record with what the server says about it now."""
    world = observe(server, state)
    return [Standing(record, world.get(address)) for address, record in state.records.items()]


def known_results(project: Project, state: State) -> tuple[dict[str, Json], dict[str, Mapping[str, Json]]]:
    """The spec's results as far as past launches give them, and the results of each task by address."""
    by_address: dict[str, Mapping[str, Json]] = {}
    for instance in project.expansion.instances:
        record = state.records.get(instance.address)
        view = unknown_view(instance.address, instance.task.results)
        if record is not None and record.succeeded:
            view = TaskView(instance.address, record.task_id, record.results)
            by_address[instance.address] = record.results
        project.evaluator.tasks.put(instance.task.name, instance.key, view)
    return final_results(project.evaluator), by_address


def stop(
    server: Server, store: StateStore, addresses: Sequence[str], told: Callable[[str, int, str], None]
) -> list[str]:
    """Stop what this spec started and still runs, the youngest first. Returns the addresses that could not be."""
    state = store.load()
    running = [s for s in standings(server, state) if s.observed is not None and not s.observed.is_terminal]
    wanted = [s for s in running if not addresses or s.record.address in addresses or _task(s.record) in addresses]
    unknown = [a for a in addresses if a not in state.records and a not in {_task(r) for r in state.records.values()}]
    if unknown:
        raise UsageError(f'nothing was ever launched as "{unknown[0]}"', remedy="see `taskspec status`")
    failed = []
    for standing in sorted(wanted, key=lambda s: -s.record.number):
        record, task_id = standing.record, standing.observed.task_id if standing.observed else 0
        problem = try_stop(server.api, task_id, time.monotonic, time.sleep)
        told(record.address, task_id, problem)
        if problem:
            failed.append(record.address)
            continue
        body = {"outcome": Outcome.STOPPED, "summary": "stopped by `taskspec stop`", "results": {}}
        events = [Event(EventKind.ENDED, record.address, record.key, body)]
        if record.task_id is None:
            events.insert(
                0, Event(EventKind.STARTED, record.address, record.key, {"task_id": task_id, "adopted": True})
            )
        store.append("stop", events)
    return failed


def _task(record: Record) -> str:
    return record.address.split("[", 1)[0]
