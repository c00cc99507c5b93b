"""A run carried out from memory: messages answer commands at given times, and no server, process or thread is there.

Every recorded event is checked against its schema. For every start and call the replay checks that its intent is on
record before it is sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from jsonschema import Draft7Validator

from taskspec.api import TaskInfo
from taskspec.api.tasks.start_request import marker
from taskspec.engine.deferred_planner import DeferredPlanner
from taskspec.engine.events import EngineEvent, RunReport
from taskspec.engine.interrupt import InterruptState, OnInterrupt
from taskspec.engine.launches.context import Pace, RunContext
from taskspec.engine.launches.prepare import LaunchPreparer
from taskspec.engine.launches.start import Interrupted, NeverSent, StartDone
from taskspec.engine.protocol.commands import (
    Command,
    FetchFacts,
    FindReusable,
    LookUp,
    MakeCall,
    PlanFurther,
    PollLaunches,
    PrepareCall,
    Probe,
    Publish,
    ReadKeptOutputs,
    ReadLog,
    RegisterFolders,
    RestartLaunch,
    StartLaunch,
    StopDuplicates,
    StopLaunches,
)
from taskspec.engine.protocol.messages import (
    Answered,
    CallPrepared,
    DuplicatesStopped,
    FactsFetched,
    FoldersRegistered,
    InterruptAsked,
    KeptOutputsRead,
    LogRead,
    LookedUp,
    Message,
    Polled,
    Probed,
    Published,
    Restarted,
    ReusableFound,
    Started,
    Stopped,
)
from taskspec.engine.protocol.run_facts import RunSetup
from taskspec.engine.run.run import Run
from taskspec.engine.server.catalogue import Catalogue
from taskspec.engine.server.connection import Server
from taskspec.engine.server.lookups import LookupResult
from taskspec.operations.project import Project
from taskspec.plan.lookup_needs import Finding, Need
from taskspec.plan.model import Observed, Plan, PlannedTask
from taskspec.plan.plan_inputs import PlanInputs, Selection
from taskspec.plan.planner import make_plan
from taskspec.plan.request import CallRequest, Facts, ModuleFacts, ModuleKey, Request
from taskspec.specfile.schema import load_schema
from taskspec.state.model import Event, EventKind, State, StoredEvent, fold
from taskspec.template.expansion.instances import Instance

LINEAGE = "0123456789abcdef0123456789abcdef"
STEP_LIMIT = 2000
ANSWER_SECONDS = 0.01
_ROW = Draft7Validator(load_schema("journal"))


def never(*_: object, **__: object) -> NoReturn:
    raise AssertionError("a replayed run asks no server and reads no file")


class AnyModule(dict[ModuleKey, ModuleFacts]):
    """Every module is an app without params of its own."""

    def __missing__(self, key: ModuleKey) -> ModuleFacts:
        return ModuleFacts(key.module, key.version or "v1", key.branch is not None, "App", {}, module_id=7)


@dataclass(slots=True)
class Fate:
    """How the launches and calls of one address end, try by try; the last one repeats.

    `starts` are launch outcomes: None for a start that arrives, else its error. `ends` are terminal statuses, or
    `runs` for a launch that goes on until it is stopped, or `vanishes`. `answers` are responses or errors of calls.
    """

    starts: Sequence[Exception | None] = (None,)
    ends: Sequence[str] = ("finished",)
    outputs: Sequence[Mapping[str, Any]] = ({},)
    answers: Sequence[Any] = ({},)
    lookups: Sequence[Exception | None] = (None,)
    is_ready: bool = True
    stops: bool = True
    resent: bool = False
    shown_key: str = ""
    """The start key that the launch shows, where it is not that of its start."""
    restarts: Exception | None = None
    reusable: int | None = None
    seconds: float = 1.0


def _nth(values: Sequence[Any], index: int) -> Any:
    return values[min(index, len(values) - 1)]


@dataclass(slots=True)
class Launched:
    """A launch of the imagined server. It runs from `began` on and ends by itself after a while, as `end` says."""

    address: str
    end: str
    output: Mapping[str, Any]
    ends_at: float
    began: float
    key: str
    stopped_at: float | None = None

    def status(self, now: float) -> str | None:
        """The server's word; None once the server has lost the launch."""
        if self.stopped_at is not None and (self.end == "runs" or self.stopped_at < self.ends_at):
            return "stopped"
        if now >= self.ends_at and self.end not in ("runs", "queued"):
            return None if self.end == "vanishes" else self.end
        return "queued" if now == self.began or self.end == "queued" else "started"


@dataclass(slots=True)
class World:
    """The server of a replayed run: answers each command from memory."""

    fates: Mapping[str, Fate]
    launches: dict[int, Launched] = field(default_factory=dict)
    starts: list[str] = field(default_factory=list)
    """Start keys in the order of their arrival."""
    calls: list[str] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)
    published: list[str] = field(default_factory=list)
    on_facts: Callable[[], None] = lambda: None
    prepare: Callable[[Instance, PlannedTask], Request] = never
    _tries: dict[str, int] = field(default_factory=dict)

    def fate(self, address: str) -> Fate:
        return self.fates.get(address) or self.fates.get(address.partition("[")[0]) or Fate()

    def _try(self, address: str) -> int:
        number = self._tries.get(address, 0)
        self._tries[address] = number + 1
        return number

    def answer(  # noqa: C901, PLR0912 - one case for each command
        self, command: Command, now: float, leaving: InterruptState
    ) -> tuple[float, Message]:
        """When the message comes, and the message."""
        later = now + ANSWER_SECONDS
        match command:
            case RegisterFolders():
                return later, FoldersRegistered()
            case FetchFacts(address):
                self.on_facts()
                return later, FactsFetched(address)
            case StartLaunch():
                return later, self._start(command, now, leaving)
            case RestartLaunch(address, task_id):
                error = self.fate(address).restarts
                if error is None:
                    self.launches[task_id] = self._launch(address, self._try(address), now, self.launches[task_id].key)
                return later, Restarted(address, task_id, error)
            case FindReusable(address, key):
                return later, ReusableFound(address, key, self.fate(address).reusable)
            case StopLaunches():
                return later, self._stop(command, now)
            case PollLaunches(wanted):
                asked = frozenset(task_id for ids in wanted.values() for task_id in ids)
                infos = {task_id: info for task_id in asked if (info := self.info(task_id, now)) is not None}
                return later, Polled(infos, asked)
            case Probe(address, task_id):
                is_up = self.fate(address).is_ready
                return later, Probed(address, task_id, self.info(task_id, now) if is_up else None)
            case LookUp(address, info, needs):
                error = _nth(self.fate(address).lookups, self._try(f"look-up of {address}"))
                if error is not None:
                    return later, command.failed(error)
                found: dict[Need, Finding] = {need: Finding("found") for need in needs}
                return later, LookedUp(address, info.id, LookupResult(info, found))
            case MakeCall(order):
                self.calls.append(order.address)
                response = _nth(self.fate(order.address).answers, self._try(order.address))
                if isinstance(response, Exception):
                    return later, command.failed(response)
                return now + self.fate(order.address).seconds, Answered(order.address, command.key, response)
            case ReadKeptOutputs(outputs):
                return later, KeptOutputsRead(outputs, self.info(outputs.record.task_id or 0, now))
            case Publish(publication):
                self.published.append(publication.address)
                return later, Published(publication)
            case ReadLog(ended):
                return later, LogRead(ended, ("the last line",))
            case StopDuplicates():
                return later, DuplicatesStopped()
            case PrepareCall(instance, planned):
                request = self.prepare(instance, planned)
                return later, CallPrepared(planned.address, request if isinstance(request, CallRequest) else None)
            case PlanFurther(planner):
                try:
                    return later, command.run(None)  # type: ignore[arg-type]  # planning from memory needs no context
                except Exception as error:
                    del planner
                    return later, command.failed(error)
        raise AssertionError(f"no answer to {command!r}")

    def _start(self, command: StartLaunch, now: float, leaving: InterruptState) -> Message:
        order = command.order
        if leaving.is_abandoned.is_set() or leaving.is_signalled.is_set():
            return command.failed(NeverSent())
        number = self._try(order.address)
        fate = self.fate(order.address)
        error = _nth(fate.starts, number)
        if error is not None:
            return command.failed(error)
        self.starts.append(order.key)
        task_id = 101 + len(self.launches)
        self.launches[task_id] = self._launch(order.address, number, now, fate.shown_key or order.key)
        return Started(order.address, order.key, StartDone(task_id, adopted=False, resent=fate.resent))

    def _launch(self, address: str, number: int, now: float, key: str) -> Launched:
        fate = self.fate(address)
        return Launched(address, _nth(fate.ends, number), _nth(fate.outputs, number), now + fate.seconds, now, key)

    def _stop(self, command: StopLaunches, now: float) -> Message:
        for task_id in command.task_ids:
            launch = self.launches.get(task_id)
            if launch is not None and not self.fate(launch.address).stops:
                return command.failed(Interrupted("it does not stop"))
            self.stops.append(task_id)
            if launch is not None and launch.stopped_at is None:
                launch.stopped_at = now
        return Stopped(command.address, command.task_ids, command.purpose, command.key)

    def info(self, task_id: int, now: float) -> TaskInfo | None:
        launch = self.launches.get(task_id)
        status = launch.status(now) if launch is not None else None
        if launch is None or status is None:
            return None
        shown = {"status": status, "description": marker(launch.key), "meta": {"output": launch.output}}
        return TaskInfo({"id": task_id, **shown})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replayed run has done."""

    report: RunReport
    events: tuple[Event, ...]
    commands: tuple[Command, ...]
    reports: tuple[EngineEvent, ...]
    world: World
    seconds: float
    late_starts: int
    """Starts that arrived after the interrupt."""

    @property
    def outcomes(self) -> dict[str, str]:
        return {task.address: str(task.outcome) for task in self.report.tasks}

    def summary(self, address: str) -> str:
        return next(task.summary for task in self.report.tasks if task.address == address)

    def kinds(self, address: str) -> list[str]:
        """The events of an address, in order."""
        return [event.kind.value for event in self.events if event.address == address]

    def notices(self) -> list[str]:
        return [str(event.message) for event in self.reports if hasattr(event, "message")]


@dataclass(slots=True)
class Memory:
    """A journal in memory; what it has taken adds up to the state of the next run."""

    events: list[Event] = field(default_factory=list)

    @property
    def state(self) -> State:
        rows = [StoredEvent(n, "2026-01-01T00:00:00.000Z", "run", event) for n, event in enumerate(self.events, 1)]
        return fold(LINEAGE, rows)

    def load(self) -> State:
        return self.state


Moment = Callable[[Sequence[Command], Sequence[EngineEvent]], bool]
"""Whether the interrupt comes now, by the commands and reports so far."""


def replay(
    project: Project,
    fates: Mapping[str, Fate] | None = None,
    *,
    memory: Memory | None = None,
    world: World | None = None,
    observed: Mapping[str, Observed] | None = None,
    interrupt: Moment | None = None,
    mode: OnInterrupt = OnInterrupt.DETACH,
    selection: Selection | None = None,
    knows_server: bool = True,
    **pace: Any,
) -> Replayed:
    """Plan a spec and carry the plan out from memory. `observed` is what the server says of launches on record.

    Unless the run `knows_server`, it has to ask for facts before its first start.
    """
    memory = memory or Memory()
    world = world or World(dict(fates or {}))
    inputs = PlanInputs(
        server="local",
        expansion=project.expansion,
        facts=Facts(AnyModule()),
        state=memory.state,
        world=dict(observed or {}),
        selection=selection or Selection(),
    )
    plan = make_plan(project.evaluator, inputs)
    return Replay(project, plan, inputs, world, memory, interrupt, mode, pace, knows_server).carry_out()


@dataclass(slots=True)
class Replay:
    """The loop of a replayed run: the order of the real one, with a clock that jumps to the next message."""

    project: Project
    plan: Plan
    inputs: PlanInputs
    world: World
    memory: Memory
    interrupt: Moment | None
    mode: OnInterrupt
    pace: Mapping[str, Any]
    knows_server: bool
    now: float = 1000.0
    commands: list[Command] = field(default_factory=list)
    reports: list[EngineEvent] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    _coming: list[tuple[float, int, Message, Command]] = field(default_factory=list)

    def carry_out(self) -> Replayed:
        pace = Pace(**{"results_grace": 0.0, "poll_longest": 0.1, "on_interrupt": self.mode, **self.pace})
        server = Server("local", True, 1, never)
        catalogue = Catalogue(self.project.spec, Path("/nowhere"), server)
        catalogue.modules = AnyModule()
        evaluator = self.project.evaluator.starting_from(self.plan.views)
        tools = RunContext(
            server, self.memory, evaluator, catalogue, self, self._clock, self._clock, pace, inputs=self.inputs
        )  # type: ignore[arg-type]  # the journal of a replay only loads
        launching = LaunchPreparer(self.plan.lineage, tools)
        if self.knows_server:
            launching.watermarks[1] = 100
        self.world.prepare = launching.final_request
        self.world.on_facts = lambda: launching.watermarks.update({1: 100})
        deadline = self.now + pace.deadline if pace.deadline is not None else None
        leaving = InterruptState(self.mode, pace.detach_within, deadline)
        setting = RunSetup(evaluator, launching, server, pace)

        def planner(plan: Plan, address: str, ended: frozenset[str]) -> DeferredPlanner:
            return DeferredPlanner(tools, launching, plan, address, ended)

        run = Run("run", self.plan, setting, leaving, planner, self.now)
        began, late_from = self.now, None
        for _ in range(STEP_LIMIT):
            if run.is_over(self.now):
                break
            run.begin_ready(self.now)
            self._take(run, leaving)
            if self.interrupt is not None and late_from is None and self.interrupt(self.commands, self.reports):
                late_from = len(self.world.starts)
                leaving.is_signalled.set()
                run.handle(InterruptAsked(), self.now)
            self._next(run)
            run.settle(self.now)
        else:
            raise AssertionError("the run does not end")
        report = run.finish(self.now)
        self._take(run, leaving)
        self.memory.events += self.events
        late = 0 if late_from is None else len(self.world.starts) - late_from
        seconds = self.now - began
        return Replayed(
            report, tuple(self.events), tuple(self.commands), tuple(self.reports), self.world, seconds, late
        )

    def on(self, event: EngineEvent) -> None:
        self.reports.append(event)

    def _clock(self) -> float:
        return self.now

    def _take(self, run: Run, leaving: InterruptState) -> None:
        effects = run.state.take_effects()
        for event in effects.events:
            _check_row(event)
            self.events.append(event)
        intended = {event.key for event in self.events if event.kind is EventKind.INTENT}
        for command in effects.commands:
            if isinstance(command, StartLaunch):
                assert command.order.key in intended, "a start is sent whose intent is not on record"
            if isinstance(command, MakeCall):
                assert command.key in intended, "a call is made whose intent is not on record"
            self.commands.append(command)
            at, message = self.world.answer(command, self.now, leaving)
            heapq.heappush(self._coming, (at, len(self.commands), message, command))
        self.reports += effects.reports

    def _next(self, run: Run) -> None:
        """Jump to the next message, or to the moment for which the run wants to be woken."""
        due = self.now + run.seconds_left(self.now)
        if not self._coming or self._coming[0][0] > due:
            self.now = max(due, self.now)
            return
        self.now = max(self.now, self._coming[0][0])
        while self._coming and self._coming[0][0] <= self.now:
            _, _, message, command = heapq.heappop(self._coming)
            run.handle(message, self.now, command)


def _check_row(event: Event) -> None:
    row = {
        "number": 1,
        "at": "2026-01-01T00:00:00.000Z",
        "run": "0123456789ab",
        "kind": event.kind.value,
        "address": event.address,
        "key": event.key,
        "body": {**event.body},
    }
    _ROW.validate(row)


def after(kind: type, address: str = "", count: int = 1) -> Moment:
    """An interrupt once so many commands or reports of a kind are out."""

    def is_now(commands: Sequence[Command], reports: Sequence[EngineEvent]) -> bool:
        fitting = [one for one in (*commands, *reports) if isinstance(one, kind) and _is_about(one, address)]
        return len(fitting) >= count

    return is_now


def _is_about(one: object, address: str) -> bool:
    if not address:
        return True
    order = getattr(one, "order", one)
    return getattr(order, "address", "") == address


def every_moment(commands: int) -> Iterator[Moment]:
    """An interrupt after each of the first commands of a run."""
    for count in range(1, commands + 1):
        yield lambda sent, _, count=count: len(sent) >= count  # type: ignore[misc]


def running(replayed: Replayed) -> dict[str, Observed]:
    """What the server says after a run, of the launches that it put on record."""
    found: dict[str, Observed] = {}
    for event in replayed.events:
        if event.kind is EventKind.STARTED:
            task_id = int(event.body["task_id"])
            info = replayed.world.info(task_id, 1000.0 + replayed.seconds)
            if info is not None:
                is_over = info.status is not None and info.status.is_terminal
                found[event.address] = Observed(task_id, info.raw_status, is_over, info.output)
    return found
