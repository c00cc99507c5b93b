"""Simulations of specs with every kind of task: services, calls, waits, conditions, and a for_each over a result.

Each simulation must end like its undisturbed copy, in which no request fails and no process dies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from random import Random
from typing import Any

from taskspec.api.transport.sending import HttpCall
from taskspec.engine.events import RunReport
from taskspec.engine.executors.all_executors import CallExecutors
from taskspec.engine.executors.platform_executor import PlatformExecutor
from taskspec.engine.executors.request_executor import RequestExecutor
from taskspec.engine.executors.wait_executor import WaitExecutor
from taskspec.engine.server.connection import Server
from taskspec.engine.workers import WorkerPool
from taskspec.errors import SpecError
from taskspec.plan.plan_inputs import Selection
from taskspec.rehearsal.clock import Clock, RunEndedError, VirtualExecutor, VirtualPool
from taskspec.rehearsal.fake_launch import FakeLaunch
from taskspec.rehearsal.fake_server import START, Answer, Delivery, FakeReply, FakeServer, start_key
from taskspec.rehearsal.faults import LaunchEnd, LaunchTimeline, ServerFaults
from taskspec.rehearsal.virtual_transport import VirtualTransport, _body
from taskspec.specfile.fields.kinds import Kind
from taskspec.state.model import Phase, Record

from .random_specs import ITEMS, MixedSpec, random_mixed_spec, replaced
from .simulation import LIVES, Boundaries, RandomFaults, SimulatedStage, Simulation

REQUEST = "tasks.request.direct"
CALLS = (REQUEST, "projects.clone", "projects.archive")
PROBES = ("is_running", "is_ready", "is_deployed")
FOREIGN = "foreign"
_QUIET = ("succeeded", "kept", "skipped")
"""Outcomes of a service that no task needs until the end of the run."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A call that was sent: by which process and task, whether it was carried out, and whether it was answered."""

    life: int
    who: str
    is_carried_out: bool
    is_answered: bool


@dataclass(slots=True)
class MixedServer(FakeServer):
    """A simulated server with working apps, projects and labeling jobs. `wrongs` lists violated rules."""

    spec: MixedSpec = field(default_factory=MixedSpec)
    chance: Random = field(default_factory=Random)
    share: float = 0.0
    life: int = 0
    sent: list[Sent] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    record_of: Callable[[str], Record | None] = lambda _: None
    foreign: set[int] = field(default_factory=set)
    _polls: Counter[str] = field(default_factory=Counter)

    def receive(self, method: str, body: Mapping[str, Any], now: float) -> FakeReply:
        if not is_work(method, body):
            return FakeServer.receive(self, method, body, now)
        self.deliver_late(now)
        who = self._who(method, body)
        draw = self.chance.random()
        if draw < self.share / 6:
            return FakeReply(0, None, Delivery.NO_CONNECTION)
        if draw < self.share / 3:
            self.sent.append(Sent(self.life, who, is_carried_out=False, is_answered=False))
            return FakeReply(502, {}) if draw < self.share / 4 else FakeReply(0, None, Delivery.DROPPED)
        status, content = self.handle(method, body, now)
        is_lost = draw < self.share * 2 / 3
        self.sent.append(Sent(self.life, who, is_carried_out=status == 200, is_answered=not is_lost))
        return FakeReply(
            status, content, self.chance.choice([Delivery.DROPPED, Delivery.CUT]) if is_lost else Delivery.ARRIVES
        )

    def foreign_service(self, params: Mapping[str, Any]) -> None:
        """Start a service of another user, before the first apply."""
        _, module = self.handle("ecosystem.info", {"slug": "owner/serve"}, 0)
        body = {"moduleId": module["id"], "appVersion": "v1", "params": {"state": params}, "workspaceId": 1}
        _, rows = self.handle(START, {**body, "taskName": FOREIGN, "description": "by hand"}, -1000.0)
        self.foreign.add(rows[0]["taskId"])
        self.starts.clear()

    def alive(self, address: str, now: float) -> list[FakeLaunch]:
        """Return the running launches of an address that taskspec started."""
        ours = [one for one in self.launches.values() if one.id not in self.foreign]
        return [one for one in ours if one.address == address and not one.status(now).is_terminal]

    def _routes(self) -> Mapping[str, Callable[[Mapping[str, Any], float], Answer]]:
        return {
            **FakeServer._routes(self),
            START: self._watched_start,
            "tasks.stop": self._watched_stop,
            REQUEST: self._asked_app,
            "projects.clone": self._clone,
            "projects.archive": lambda *_: (200, {}),
            "projects.info": lambda body, _: (200, {"id": body["id"], "name": f"project {body['id']}"}),
            "jobs.info": self._job,
            "file-storage.list": self._files,
        }

    def _watched_start(self, body: Mapping[str, Any], now: float) -> Answer:
        session = body["params"]["state"].get("session")
        service = self.launches.get(session) if isinstance(session, int) else None
        if session is not None and service is None:
            self.wrongs.append(f"{self.address_of(body)} was given the service {session!r}")
        elif service is not None and (not service.came < now or service.stop_at is not None):
            self.wrongs.append(f"{self.address_of(body)} was started when service {session} was not up")
        return FakeServer._start(self, body, now)

    def _watched_stop(self, body: Mapping[str, Any], now: float) -> Answer:
        if body["id"] in self.foreign:
            self.wrongs.append(f"the foreign service {body['id']} was stopped")
        for one in self.launches.values():
            in_use = one.body["params"]["state"].get("session") == body["id"] and not one.status(now).is_terminal
            if in_use and one.stop_at is None:
                self.wrongs.append(f"service {body['id']} was stopped while {one.address} ({one.id}) used it")
        return FakeServer._stop(self, body, now)

    def _asked_app(self, body: Mapping[str, Any], now: float) -> Answer:
        status, content = FakeServer._ask_app(self, body, now)
        who = body.get("state", {}).get("who")
        if status != 200 or who is None:
            return status, content
        self._polls[who] += 1
        return 200, {"value": f"answer to {who}", "count": self._polls[who]}

    def _clone(self, body: Mapping[str, Any], now: float) -> Answer:
        task_id = 1001 + len(self.launches)
        course = LaunchTimeline(1, 1, 10)
        output = {"project": {"id": 7}}
        self.launches[task_id] = FakeLaunch(task_id, "", "clone", {"params": {"state": {}}}, now, course, output)
        return 200, {"taskId": task_id}

    def _job(self, body: Mapping[str, Any], now: float) -> Answer:
        done = now >= self.spec.ready_at[str(body["id"])]
        status = "completed" if done else "in_progress"
        return 200, {"id": body["id"], "name": f"job {body['id']}", "status": status}

    def _files(self, _: Mapping[str, Any], now: float) -> Answer:
        there = [path for path, at in self.spec.ready_at.items() if path.startswith("/") and at <= now]
        return 200, [{"id": 1, "path": path, "meta": {"size": 1}} for path in there]

    def _who(self, method: str, body: Mapping[str, Any]) -> str:
        match method:
            case "projects.clone":
                return str(body["name"])
            case "projects.archive":
                return f"t{body['id'] - 1}"
            case _:
                return str(body["state"]["who"])

    def check_intent(self, method: str, body: Mapping[str, Any]) -> None:
        """Check that the intent of a call is durable before it is sent."""
        who = self._who(method, body)
        record = self.record_of(who)
        if record is None or record.phase is not Phase.INTENDED:
            self.wrongs.append(f"the call {who} was made without an intent: {record}")


def is_work(method: str, body: Mapping[str, Any]) -> bool:
    """Return whether a request is a call of the spec, and not a poll of the engine."""
    return method in CALLS and body.get("command") not in PROBES


@dataclass(slots=True)
class MixedFaults(RandomFaults):
    """Services run until they are stopped, or fail a few times."""

    spec: MixedSpec = field(default_factory=MixedSpec)

    def course(self, address: str, number: int) -> LaunchTimeline:
        if address == FOREIGN:
            return LaunchTimeline(0, 0, inf)
        course = RandomFaults.course(self, address, number)
        if self.spec.part(address).kind != "service":
            return course
        is_mortal = number < 3 and self.chance.random() < self.share / 2
        return (
            replace(course, running=course.running * 2, ends=LaunchEnd.ERROR)
            if is_mortal
            else replace(course, running=inf)
        )


class SlowTransport(VirtualTransport):
    """A call takes some time, in which a process can die."""

    def __init__(self, simulation: MixedSimulation, boundaries: Boundaries) -> None:
        super().__init__(simulation.fake, simulation.clock, simulation.clock.sleep, boundaries.cross)
        self._simulation, self._work, self._sleeping = (
            simulation,
            Random(simulation.seed + 4),
            simulation.clock.sleep,
        )

    def _exchange(self, call: HttpCall) -> FakeReply:
        if is_work(call.name, _body(call)):
            self._simulation.fake.check_intent(call.name, _body(call))
            self._before(f"begin {call.name}")
            self._sleeping(self._work.uniform(0, 15))
        return super()._exchange(call)


@dataclass(slots=True)
class MixedHands:
    """Hands that run a request in parallel to the call that waits for it."""

    clock: Clock
    crew: VirtualPool | None = None

    def workers(self, size: int) -> WorkerPool:
        self.crew = VirtualPool(self.clock, size)
        return self.crew

    def sleep(self, seconds: float, gone: Any) -> bool:
        return VirtualExecutor(self.clock).sleep(seconds, gone)

    def begin(self, call: Callable[[], None]) -> None:
        def carried_out() -> None:
            try:
                call()
            except RunEndedError:
                raise
            except BaseException as death:
                assert self.crew is not None
                self.crew._fatal = death

        self.clock.at(self.clock.now, lambda: self.clock.carry_out(carried_out))


@dataclass(frozen=True, slots=True)
class MixedStage(SimulatedStage):
    """An environment in which calls are sent."""

    server: Server
    own_hands: MixedHands

    @property
    def executor(self) -> MixedHands:
        return self.own_hands

    @property
    def call_executor(self) -> CallExecutors:
        server, clock = self.server, self.simulation.clock
        return CallExecutors(
            {
                Kind.REQUEST: RequestExecutor(server, clock, self.own_hands.begin),
                Kind.WAIT: WaitExecutor(server, clock),
                Kind.API: PlatformExecutor(server, self.simulation.folder, clock),
            }
        )


@dataclass(slots=True)
class MixedSimulation(Simulation):
    """A simulation with every kind of task. `undisturbed` is a copy in which nothing fails and no process dies."""

    undisturbed: MixedSimulation | None = None
    spec: MixedSpec = field(init=False)
    reruns: tuple[str, ...] = ()
    asked_to_repeat: Counter[str] = field(default_factory=Counter)
    forbidden: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.spec = random_mixed_spec(self.chance, self.size or self.chance.randint(3, 12))
        self.faults = MixedFaults(
            Random(self.seed + 1),
            self.share,
            frozenset(self.spec.failing),
            ServerFaults(list_lag=self.chance.uniform(0, 5) if self.share else 0.0),
            self.spec,
        )
        self.fake = MixedServer(
            self.faults,
            output_of=lambda address: {"value": f"of {address}", "items": list(ITEMS)},
            spec=self.spec,
            chance=Random(self.seed + 3),
            share=self.share,
            record_of=self.record,
        )
        self.clock = Clock(Random(self.seed + 2))
        self._write()
        for name in self.spec.of_kind("service"):
            part = self.spec.parts[name]
            if part.body.get("reuse") and not part.needs and self.chance.random() < 0.5:
                self.fake.foreign_service(part.body["params"])

    def _write(self) -> None:
        self.needs = {part.name: (*part.needs, *filter(None, [part.service])) for part in self.spec.parts.values()}
        (self.folder / "spec.yaml").write_text(self.spec.text(), encoding="utf-8")

    def record(self, address: str) -> Record | None:
        return self.state().records.get(address)

    def replace_a_service(self) -> None:
        """Change the params of one service in the spec."""
        self.spec = self.fake.spec = self.faults.spec = replaced(self.spec, Random(self.seed + 5))
        self._write()

    @property
    def selection(self) -> Selection:
        return Selection(reruns=self.reruns)

    def transport(self, boundaries: Boundaries) -> SlowTransport:
        return SlowTransport(self, boundaries)

    def stage(self, server: Server) -> MixedStage:
        return MixedStage(self, server, MixedHands(self.clock))

    def live(self, die_at: int | None = None, interrupt_at: int | None = None) -> tuple[RunReport | None, Boundaries]:
        """Run one process. Where the plan asks the user about a lost call, allow the next apply to repeat it."""
        self.fake.life = self.lives + 1
        try:
            report, boundaries = Simulation.live(self, die_at, interrupt_at)
        except SpecError as error:
            found = [problem.summary for problem in error.diagnostics]
            addresses = [message.split('"')[1] for message in found if "its last call was cut off" in message]
            assert len(addresses) == len(found), found
            self.trace.append(f"asked about {addresses}")
            self.reruns = tuple(addresses)
            self.asked_to_repeat.update(addresses)
            return None, Boundaries(None)
        self.reruns = ()
        return report, boundaries

    def live_until_done(self, first_dies_at: int | None = None) -> RunReport:
        goal = self.expected()
        for life in range(LIVES):
            draw, at = self.chance.random(), self.chance.randint(1, 150)
            if not self.share:
                draw = 1.0
            dies = first_dies_at if life == 0 and first_dies_at is not None else at if draw < 0.5 else None
            report, _ = self.live(dies, at if 0.5 <= draw < 0.65 else None)
            self.clock.now += self.chance.uniform(0, 30)
            self.state()
            if report is not None and self.outcomes(report) == goal and not report.unstopped:
                return report
        tail = "\n".join(self.trace[-40:])
        raise AssertionError(f"seed {self.seed}: not done after {LIVES} lives:\n{goal}\n{tail}")

    def outcomes(self, report: RunReport) -> dict[str, str]:
        """Return the outcome of each task. All good outcomes of a service count as one."""
        found = {}
        for task in report.tasks:
            outcome = task.outcome.value.replace("kept", "succeeded")
            is_service = self.spec.part(task.address).kind == "service"
            found[task.address] = "quiet" if is_service and task.outcome.value in _QUIET else outcome
        return found

    def expected(self) -> dict[str, str]:
        """Return the outcomes without faults, after all waits have ended."""
        undisturbed = self.undisturbed or self
        found: dict[str, str] = {}
        for _ in range(LIVES):
            report, _ = undisturbed.live()
            assert report is not None
            before, found = found, undisturbed.outcomes(report)
            if "pending" not in found.values() and before == found:
                return found
            undisturbed.clock.now += 60
        raise AssertionError(f"seed {self.seed}: even the undisturbed copy is never done: {found}")

    def check(self, report: RunReport) -> None:
        where = f"seed {self.seed}"
        self.live()  # one more apply
        self.clock.now += 100
        self.fake.deliver_late(self.clock.now + 1000)
        assert not self.fake.wrongs, f"{where}: {self.fake.wrongs}"
        twice = {key: count for key, count in self.fake.starts.items() if key and count != 1}
        assert not twice, f"{where}: keys started more than once: {twice}"
        self._check_launches(where)
        self._check_calls(where)
        self._check_records(where)

    def _check_launches(self, where: str) -> None:
        now, counts = self.clock.now, self.launches_by_address()
        assert self.undisturbed is not None
        undisturbed = self.undisturbed.launches_by_address()
        for address, count in counts.items():
            if address in (FOREIGN, "clone"):
                continue
            alive, part = self.fake.alive(address, now), self.spec.part(address)
            assert len(alive) <= bool(part.body.get("keep")), f"{where}: {address} still runs: {alive}"
            if part.kind == "job" and not self.spec.is_touched(address):
                assert count == undisturbed[address], f"{where}: {address} was launched {count} times"
        mislabelled = [one.address for one in self.fake.launches.values() if one.key and one.key != start_key(one.body)]
        assert not mislabelled, where

    def _check_calls(self, where: str) -> None:
        """Check that a call with an unknown outcome is repeated only if it is safe, or by a user or a later apply."""
        assert self.undisturbed is not None
        undisturbed = Counter(sent.who for sent in self.undisturbed.fake.sent)
        last: dict[str, Sent] = {}
        count = Counter(sent.who for sent in self.fake.sent if sent.is_carried_out or not sent.is_answered)
        for sent in self.fake.sent:
            before, part = last.get(sent.who), self.spec.parts[sent.who]
            last[sent.who] = sent
            if before is None or part.is_safe:
                continue
            unknown = not before.is_answered
            assert not (unknown and before.life == sent.life), f"{where}: {sent.who} was sent again after {before}"
        for who, sends in count.items():
            part = self.spec.parts[who]
            if part.is_destructive and not self.spec.is_touched(who):
                most = undisturbed[who] + self.asked_to_repeat[who]
                assert sends <= most, f"{where}: {who} was sent {sends} times, but the user allowed {most}"

    def _check_records(self, where: str) -> None:
        """Check that the final state is that of the undisturbed copy."""
        assert self.undisturbed is not None
        mine, undisturbed = self._final(self), self._final(self.undisturbed)
        assert mine == undisturbed, f"{where}: {dict(set(mine.items()) ^ set(undisturbed.items()))}"

    def _final(self, simulation: MixedSimulation) -> dict[str, str]:
        return {
            address: f"{record.outcome} {record.fingerprint} {sorted(record.results.items())}"
            for address, record in simulation.state().records.items()
            if self.spec.part(address).kind != "service" and not self.spec.is_touched(address)
        }


def mixed_simulation(folder: Path, seed: int, **options: Any) -> MixedSimulation:
    """Make a mixed simulation with its undisturbed copy."""
    (folder / "calm").mkdir()
    return MixedSimulation(
        folder,
        seed,
        **options,
        undisturbed=MixedSimulation(folder / "calm", seed, **{**options, "share": 0.0, "lag": 0.0}),
    )
