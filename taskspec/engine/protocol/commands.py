"""What the run asks of workers: each command is data, and one method that talks to the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from taskspec.api import TaskInfo
from taskspec.engine.deferred_planner import DeferredPlanner
from taskspec.engine.events import TaskEnded
from taskspec.engine.executors.call_protocol import CallOrder
from taskspec.engine.launches.publish import KeptOutputs, Publication, set_outputs
from taskspec.engine.launches.readiness import ready_info
from taskspec.engine.launches.reuse import ReuseCriteria, find_reusable
from taskspec.engine.launches.start import Starter, StartOrder, stop_duplicates
from taskspec.engine.launches.stop import log_tail, restart
from taskspec.engine.protocol.messages import (
    Answered,
    CallPrepared,
    DuplicatesStopped,
    FactsFetched,
    FoldersRegistered,
    FurtherPlanned,
    KeptOutputsRead,
    LogRead,
    LookedUp,
    Message,
    NotStarted,
    Polled,
    Probed,
    Published,
    Restarted,
    ReusableFound,
    Started,
    Stopped,
)
from taskspec.engine.protocol.states import Address, StopPurpose
from taskspec.engine.protocol.worker_context import WorkerContext
from taskspec.engine.server.observe import known_launches
from taskspec.plan.lookup_needs import Need
from taskspec.plan.model import Plan, PlannedTask
from taskspec.plan.request import CallRequest, LaunchRequest
from taskspec.specfile.fields.kinds import Readiness
from taskspec.template.expansion.instances import Instance


class Command(Protocol):
    """Work for a worker. The end of a run waits for its message where `is_awaited`."""

    __slots__ = ()
    is_awaited: ClassVar[bool] = True
    has_own_thread: ClassVar[bool] = False

    def run(self, context: WorkerContext) -> Message: ...

    def failed(self, error: Exception) -> Message: ...


class _Unawaited(Command, Protocol):
    __slots__ = ()
    is_awaited: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class RegisterFolders(_Unawaited):
    """Make folder apps startable."""

    plan: Plan

    def run(self, context: WorkerContext) -> Message:
        context.preparer.register_folders(self.plan)
        return FoldersRegistered()

    def failed(self, error: Exception) -> Message:
        return FoldersRegistered(error)


@dataclass(frozen=True, slots=True)
class FetchFacts(_Unawaited):
    """Ask the server for the agent and the highest launch id that a start needs."""

    address: Address
    request: LaunchRequest

    def run(self, context: WorkerContext) -> Message:
        context.preparer.ask(self.request)
        return FactsFetched(self.address)

    def failed(self, error: Exception) -> Message:
        return FactsFetched(self.address, error)


@dataclass(frozen=True, slots=True)
class FindReusable(Command):
    """Look for a running service to reuse. Launches that are `ours` are not considered."""

    address: Address
    key: str
    sought: ReuseCriteria
    ours: tuple[int, ...]

    def run(self, context: WorkerContext) -> Message:
        return ReusableFound(self.address, self.key, find_reusable(context.api, self.sought, self.ours))

    def failed(self, error: Exception) -> Message:
        return ReusableFound(self.address, self.key, error=error)


@dataclass(frozen=True, slots=True)
class StartLaunch(Command):
    """Send a start whose intent is on record."""

    order: StartOrder

    def run(self, context: WorkerContext) -> Message:
        tools = context.run_context
        starter = Starter(context.api, tools.clock, context.pause, context.confirm, tools.pace.settle)
        return Started(self.order.address, self.order.key, starter.start(self.order))

    def failed(self, error: Exception) -> Message:
        return NotStarted(self.order.address, self.order.key, error)


@dataclass(frozen=True, slots=True)
class RestartLaunch(Command):
    """Let the server run a failed launch again."""

    address: Address
    task_id: int

    def run(self, context: WorkerContext) -> Message:
        restart(context.api, self.task_id, context.run_context.clock, context.pause)
        return Restarted(self.address, self.task_id)

    def failed(self, error: Exception) -> Message:
        return Restarted(self.address, self.task_id, error)


@dataclass(frozen=True, slots=True)
class StopLaunches(Command):
    """Stop launches, one after the other, and wait until they have stopped.

    With `launch_key`, a launch that carries the key of another start is left alone.
    """

    address: Address
    task_ids: tuple[int, ...]
    purpose: StopPurpose
    key: str = ""
    launch_key: str = ""

    def run(self, context: WorkerContext) -> Message:
        info = None
        for task_id in self.task_ids:
            info = context.stop(task_id, key=self.launch_key, patiently=self.purpose.survives_interrupt)
        return Stopped(self.address, self.task_ids, self.purpose, self.key, info)

    def failed(self, error: Exception) -> Message:
        return Stopped(self.address, self.task_ids, self.purpose, self.key, error=error)


@dataclass(frozen=True, slots=True)
class PollLaunches(_Unawaited):
    """Ask for the status of launches, by workspace."""

    wanted: Mapping[int, Sequence[int]]

    def run(self, context: WorkerContext) -> Message:
        infos: dict[int, TaskInfo] = {}
        for workspace, ids in self.wanted.items():
            infos.update(known_launches(context.api, workspace, ids))
        return Polled(infos, frozenset(task_id for ids in self.wanted.values() for task_id in ids))

    def failed(self, error: Exception) -> Message:
        return Polled({}, error=error)


@dataclass(frozen=True, slots=True)
class LookUp(_Unawaited):
    """Look up what a launch left outside its output."""

    address: Address
    info: TaskInfo
    needs: frozenset[Need]

    def run(self, context: WorkerContext) -> Message:
        looked = context.run_context.look_up_needs(context.api, self.info, self.needs)
        return LookedUp(self.address, self.info.id, looked)

    def failed(self, error: Exception) -> Message:
        return LookedUp(self.address, self.info.id, error=error)


@dataclass(frozen=True, slots=True)
class Probe(Command):
    """Ask the app of a service whether it is up."""

    address: Address
    task_id: int
    level: Readiness

    def run(self, context: WorkerContext) -> Message:
        return Probed(self.address, self.task_id, ready_info(context.api, self.task_id, self.level))

    def failed(self, error: Exception) -> Message:
        return Probed(self.address, self.task_id, error=error)


@dataclass(frozen=True, slots=True)
class PrepareCall(_Unawaited):
    """Evaluate the request of a call that uploads files, which are read for their digests."""

    instance: Instance
    planned: PlannedTask

    def run(self, context: WorkerContext) -> Message:
        request = context.preparer.final_request(self.instance, self.planned)
        return CallPrepared(self.planned.address, request if isinstance(request, CallRequest) else None)

    def failed(self, error: Exception) -> Message:
        return CallPrepared(self.planned.address, error=error)


@dataclass(frozen=True, slots=True)
class MakeCall(Command):
    """Make a call, in a thread of its own, since it may take hours. The task's former launch is stopped first."""

    order: CallOrder
    key: str
    former_launch: int | None = None
    has_own_thread: ClassVar[bool] = True

    def run(self, context: WorkerContext) -> Message:
        context.run_context.store.confirm()
        if self.former_launch is not None:
            context.stop(self.former_launch)
        response = context.run_context.call_executor.perform(self.order, context.pause_call)
        return Answered(self.order.address, self.key, response)

    def failed(self, error: Exception) -> Message:
        return Answered(self.order.address, self.key, error=error)


@dataclass(frozen=True, slots=True)
class ReadKeptOutputs(Command):
    """Read a kept launch whose outputs are to be set, and look up what the outputs need of it."""

    outputs: KeptOutputs
    info: TaskInfo | None = None
    needs: frozenset[Need] = frozenset()

    def run(self, context: WorkerContext) -> Message:
        if self.info is None:
            info = context.api.task.get_info_by_id(self.outputs.record.task_id or 0)
            return KeptOutputsRead(self.outputs, info)
        looked = context.run_context.look_up_needs(context.api, self.info, self.needs)
        return KeptOutputsRead(self.outputs.with_findings(looked.findings), looked.info)

    def failed(self, error: Exception) -> Message:
        return KeptOutputsRead(self.outputs, error=error)


@dataclass(frozen=True, slots=True)
class Publish(Command):
    """Set the outputs of a launch."""

    publication: Publication

    def run(self, context: WorkerContext) -> Message:
        return Published(self.publication, set_outputs(context.api, self.publication))

    def failed(self, error: Exception) -> Message:
        return Published(self.publication, error=error)


@dataclass(frozen=True, slots=True)
class ReadLog(Command):
    """Read the last lines of the log of a task that ended."""

    ended: TaskEnded

    def run(self, context: WorkerContext) -> Message:
        return LogRead(self.ended, log_tail(context.api, self.ended.task_id or 0))

    def failed(self, error: Exception) -> Message:  # noqa: ARG002 - a report without a log is a report
        return LogRead(self.ended)


@dataclass(frozen=True, slots=True)
class StopDuplicates(Command):
    """Look once more for launches that came of a start which arrived more than once, and stop them."""

    answered: tuple[tuple[StartOrder, int], ...]

    def run(self, context: WorkerContext) -> Message:
        notices = stop_duplicates(context.api, self.answered, context.run_context.clock, context.pause)
        return DuplicatesStopped(tuple(notices))

    def failed(self, error: Exception) -> Message:
        return DuplicatesStopped(error=error)


@dataclass(frozen=True, slots=True)
class PlanFurther(_Unawaited):
    """Plan the instances of a fan-out whose items have become known."""

    planner: DeferredPlanner

    def run(self, context: WorkerContext) -> Message:  # noqa: ARG002 - the protocol's signature
        return FurtherPlanned(self.planner.address, self.planner.make())

    def failed(self, error: Exception) -> Message:
        return FurtherPlanned(self.planner.address, error=error)
