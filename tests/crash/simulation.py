"""Simulate the applies of a spec: the real planner, engine and journal on a virtual clock.

Server and network fail, and processes die. A spec is applied until it is done. One seed determines everything.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from taskspec.api import Api, Credentials
from taskspec.engine.events import EngineEvent, RunReport
from taskspec.engine.launches.context import Pace
from taskspec.engine.server.connection import Server
from taskspec.errors import ApiError
from taskspec.operations import state_file
from taskspec.operations.apply import ApplyEnvironment, prepare_apply
from taskspec.operations.plan import make
from taskspec.operations.project import Request, open_project
from taskspec.plan.plan_inputs import Selection
from taskspec.rehearsal.clock import Clock, VirtualExecutor
from taskspec.rehearsal.fake_server import FakeServer, start_key
from taskspec.rehearsal.faults import LaunchEnd, LaunchTimeline, ServerFaults, StartAnswer, StartFault
from taskspec.rehearsal.rehearsal_environment import AnnouncedJournal, FakeLookups, RehearsedCalls
from taskspec.rehearsal.virtual_transport import VirtualTransport
from taskspec.state.lease import Owner
from taskspec.state.model import Event, State, StoredEvent
from taskspec.state.store import StateStore, open_store
from taskspec.view.json_documents import event_document

LIVES = 40
"""The most applies of one spec, far more than any seed needs."""
ANSWERS = (
    StartAnswer.LOST,
    StartAnswer.NEVER_ARRIVES,
    StartAnswer.BAD_GATEWAY_BEFORE,
    StartAnswer.BAD_GATEWAY_AFTER,
    StartAnswer.TRUNCATED,
    StartAnswer.HANG,
    StartAnswer.NO_CONNECTION,
    StartAnswer.TOO_MANY,
)


class Crash(BaseException):
    """The simulated process dies. No later step is carried out."""


@dataclass(slots=True)
class Boundaries:
    """Counts every journal write, send and receive of one process. Kills or interrupts it at a chosen one."""

    die_at: int | None
    count: int = 0
    names: list[str] = field(default_factory=list)
    interrupt_at: int | None = None
    interrupt: Callable[[], None] = lambda: None

    def cross(self, name: str) -> None:
        self.count += 1
        self.names.append(name)
        if self.count == self.interrupt_at:
            self.interrupt()
        if self.count == self.die_at:
            raise Crash(name)


@dataclass(frozen=True, slots=True)
class CrashingJournal:
    """A journal whose process may die right before or after a durable write."""

    journal: StateStore
    boundaries: Boundaries

    def append(self, run: str, events: Sequence[Event]) -> list[StoredEvent]:
        self.boundaries.cross("write")
        stored = self.journal.append(run, events)
        self.boundaries.cross("written")
        return stored

    def renew(self) -> None:
        self.journal.renew()

    def confirm(self) -> None:
        self.journal.confirm()

    def load(self) -> State:
        return self.journal.load()


@dataclass(slots=True)
class RandomFaults:
    """Starts fail with probability `share`, other requests with a third of it, tasks in `failing` always."""

    chance: Random
    share: float
    failing: frozenset[str]
    server: ServerFaults

    def course(self, address: str, number: int) -> LaunchTimeline:
        ends = LaunchEnd.ERROR if address in self.failing else LaunchEnd.FINISHED
        queued, consumed, running = (self.chance.uniform(0, longest) for longest in (5, 5, 60))
        return LaunchTimeline(queued, consumed, running, ends=ends)

    def start(self, address: str, number: int) -> StartFault | None:
        if self.chance.random() >= self.share:
            return None
        if self.chance.random() < 0.15:
            return StartFault(StartAnswer.LOST, late_by=self.chance.uniform(0, 20))
        return StartFault(self.chance.choice(ANSWERS))

    def call(self, method: str) -> bool:
        return self.chance.random() < self.share / 3


@dataclass(slots=True)
class TraceListener:
    """Records every event as text."""

    lines: list[str]

    def on(self, event: EngineEvent) -> None:
        document = event_document(event)
        document.pop("run", None)
        self.lines.append(repr(document))


def random_spec(chance: Random, size: int) -> tuple[str, Mapping[str, tuple[str, ...]]]:
    """Make a spec, and the upstream tasks of each task."""
    needs = {
        f"t{n}": tuple(sorted({f"t{chance.randrange(n)}" for _ in range(chance.randrange(3))})) if n else ()
        for n in range(size)
    }
    lines = ["taskspec: 1", "name: simulated", "tasks:"]
    for name, above in needs.items():
        params = ", ".join(f'{up}: "{{{{ tasks.{up}.id }}}}"' for up in above)
        lines.append(f"  {name}: {{module: owner/app, version: v1, params: {{{params}}}}}")
    return "\n".join(lines) + "\n", needs


@dataclass(slots=True)
class Simulation:
    """Everything that outlives a process: the server, the time, the spec and the state."""

    folder: Path
    seed: int
    share: float = 0.3
    lag: float | None = None
    size: int | None = None
    settle: float = 60.0
    chance: Random = field(init=False)
    needs: Mapping[str, tuple[str, ...]] = field(init=False)
    faults: RandomFaults = field(init=False)
    fake: FakeServer = field(init=False)
    clock: Clock = field(init=False)
    trace: list[str] = field(default_factory=list)
    lives: int = 0
    wall_jumps: Iterator[float] = field(default_factory=lambda: itertools.repeat(0.0))

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        text, self.needs = random_spec(self.chance, self.size or self.chance.randint(2, 9))
        (self.folder / "spec.yaml").write_text(text, encoding="utf-8")
        failing = frozenset(name for name in self.needs if self.chance.random() < 0.08)
        lag = self.chance.uniform(0, 5) if self.lag is None else self.lag
        self.faults = RandomFaults(Random(self.seed + 1), self.share, failing, ServerFaults(list_lag=lag))
        self.fake = FakeServer(self.faults)
        self.clock = Clock(Random(self.seed + 2))

    def wall(self) -> float:
        return self.fake.wall + self.clock.now + next(self.wall_jumps)

    @property
    def state_path(self) -> Path:
        return self.folder / "state.db"

    @property
    def selection(self) -> Selection:
        """The selection of the next apply."""
        return Selection()

    def transport(self, boundaries: Boundaries) -> VirtualTransport:
        return VirtualTransport(self.fake, self.clock, self.clock.sleep, boundaries.cross)

    def stage(self, server: Server) -> SimulatedStage:
        return SimulatedStage(self)

    def live(self, die_at: int | None = None, interrupt_at: int | None = None) -> tuple[RunReport | None, Boundaries]:
        """Run one process to its end. No report means that it died or gave up."""
        self.lives += 1
        boundaries = Boundaries(die_at, interrupt_at=interrupt_at)
        server = Server(
            "simulated", is_local=False, default_workspace=1, wake=lambda: Credentials("https://simulated", "")
        )
        server.connect(Api("https://simulated", "", transport=self.transport(boundaries)))
        project = open_project(Request(self.folder / "spec.yaml", "spec.yaml", {}))
        report = None
        with open_store(self.state_path, clock=self.wall) as store:
            store.acquire(Owner("host", self.lives, 0.0, boot=f"boot {self.lives}", user="user"))
            try:
                planned = make(project, server, store.load(), self.selection)
                journal = AnnouncedJournal(CrashingJournal(store, boundaries), self.fake)
                stage = self.stage(server)
                environment = ApplyEnvironment(
                    stage.clock, stage.wall, stage.executor, stage.call_executor, stage.lookups.look_up_needs
                )
                run = prepare_apply(
                    project, server, planned, journal, TraceListener(self.trace), Pace(settle=self.settle), environment
                )
                boundaries.interrupt = run.interrupt
                report = run.execute()
            except Crash as crash:
                self.trace.append(f"died at {crash}")
            except ApiError as error:
                self.trace.append(f"gave up: {error.message}")
            finally:
                self.clock.close()
                server.close()
        return report, boundaries

    def live_until_done(self, first_dies_at: int | None = None) -> RunReport:
        """Run processes, each with a chance to die, until the outcomes are the expected ones."""
        for life in range(LIVES):
            dies = self.chance.randint(1, 60) if self.chance.random() < 0.6 else None
            report, _ = self.live(first_dies_at if life == 0 and first_dies_at is not None else dies)
            self.clock.now += self.chance.uniform(0, 30)
            if report is not None and self.outcomes(report) == self.expected():
                return report
        raise AssertionError(f"seed {self.seed}: not done after {LIVES} lives:\n" + "\n".join(self.trace[-30:]))

    def outcomes(self, report: RunReport) -> dict[str, str]:
        return {task.address: task.outcome.value.replace("kept", "succeeded") for task in report.tasks}

    def expected(self) -> dict[str, str]:
        """Return the expected outcomes: a task fails if it must, and is skipped below a failure."""
        found: dict[str, str] = {}
        for name, above in self.needs.items():
            if any(found[up] != "succeeded" for up in above):
                found[name] = "skipped"
            else:
                found[name] = "failed" if name in self.faults.failing else "succeeded"
        return found

    def ancestors(self, name: str) -> set[str]:
        return {up for above in self.needs[name] for up in {above, *self.ancestors(above)}}

    def state(self) -> State:
        return state_file.read_state(self.state_path)

    def launches_by_address(self) -> Counter[str]:
        return Counter(launch.address for launch in self.fake.launches.values())

    def check(self, report: RunReport) -> None:
        """Check what must hold at the end."""
        where = f"seed {self.seed}"
        self.fake.deliver_late(self.clock.now + 1000)
        twice = {key: count for key, count in self.fake.starts.items() if count != 1}
        assert not twice, f"{where}: keys started more than once: {twice}"
        for name, outcome in self.expected().items():
            count = self.launches_by_address()[name]
            if outcome == "succeeded":
                assert count == 1, f"{where}: {name} succeeded after {count} launches"
            if outcome == "skipped":
                assert count == 0, f"{where}: {name} was launched although an upstream task failed"
        assert sorted(task.address for task in report.tasks) == sorted(self.needs), where
        for task in report.tasks:
            if task.outcome == "skipped":
                assert task.because_of in self.ancestors(task.address) & self.faults.failing, f"{where}: {task}"
        records = self.state().records
        for launch in self.fake.launches.values():
            assert launch.address in records, f"{where}: launch {launch.id} has no record"
            assert start_key(launch.body) == launch.key

    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class SimulatedStage:
    """The clock and the hands of a simulated process."""

    simulation: Simulation

    @property
    def clock(self) -> Clock:
        return self.simulation.clock

    @property
    def executor(self) -> VirtualExecutor:
        return VirtualExecutor(self.simulation.clock)

    @property
    def lookups(self) -> FakeLookups:
        return FakeLookups()

    @property
    def call_executor(self) -> RehearsedCalls:
        return RehearsedCalls({})

    def wall(self) -> float:
        return self.simulation.wall()
