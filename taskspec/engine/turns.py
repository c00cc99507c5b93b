"""A task's turn has come: keep it, publish for it, attach to it, or launch it, as the plan says."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from taskspec.engine.calls import Calls
from taskspec.engine.endings import Endings
from taskspec.engine.events import LaunchStarted, words
from taskspec.engine.launching import Launching, NotLaunchable
from taskspec.engine.progress import Active, Progress, StopUnwanted
from taskspec.engine.publish import Publisher
from taskspec.engine.restarting import restart
from taskspec.engine.retries import Again
from taskspec.engine.services import Services
from taskspec.engine.skipping import left_out, skip_itself
from taskspec.engine.start import Interrupted
from taskspec.engine.starts import Starts
from taskspec.engine.takeover import Takeover
from taskspec.engine.workers import Answer
from taskspec.errors import TaskspecError
from taskspec.plan.model import Action, PlannedTask
from taskspec.plan.request import LaunchRequest
from taskspec.spec.endurance import FailureKind
from taskspec.state.model import Event, EventKind
from taskspec.values import Unknown


@dataclass(frozen=True, slots=True)
class RestartLaunch:
    """Run a failed launch once more."""

    again: Again


@dataclass(slots=True)
class Turns:
    """Begins tasks. Nothing is sent before its intent is durable."""

    progress: Progress
    launching: Launching
    publisher: Publisher
    endings: Endings
    services: Services
    calls: Calls = field(init=False)
    starts: Starts = field(init=False)
    takeover: Takeover = field(init=False)

    def __post_init__(self) -> None:
        self.takeover = Takeover(self.progress)
        self.starts = Starts(self.progress, self.launching, self.endings, self.takeover)
        self.calls = Calls(self.progress, self.launching, self.endings, self.takeover.keep)

    def take(self, node: int) -> None:
        planned = self.progress.tasks[node]
        if planned.is_folded:
            self.progress.unfolding.append(node)
            return
        if not self._is_wanted(node, planned):
            return
        if self.progress.instance(node).task.service is not None and self.services.begin(node, planned):
            return
        match planned.action:
            case Action.KEEP:
                self.takeover.keep(node, planned)
            case Action.PUBLISH:
                self.takeover.keep(node, planned)
                if planned.previous is not None:
                    self.publisher.again(self.progress.instance(node), planned, planned.previous)
            case Action.ATTACH:
                self.takeover.attach(node, planned)
            case _ if self._is_call(node):
                self.calls.take(node)
            case _:
                self.starts.launch(node, planned, None)

    def _is_wanted(self, node: int, planned: PlannedTask) -> bool:
        """Whether the task's condition holds, now that what it reads is known; if not, the task has ended."""
        progress = self.progress
        if planned.action is Action.SKIP:
            skip_itself(progress, node, planned)
            return False
        if not planned.condition:
            self._remark(node, planned)
            return True
        try:
            holds = progress.tools.evaluator.condition(progress.instance(node))
            if isinstance(holds, Unknown):
                raise NotLaunchable(f"its condition is still unknown: {holds.describe()}")
        except TaskspecError as error:
            progress.active[node] = Active(planned, "", progress.tools.clock())
            self.endings.fail(node, words(error), kind=FailureKind.INPUTS)
            return False
        if holds:
            self._remark(node, planned)
            return True
        if planned.action is Action.ATTACH and planned.observed is not None:
            progress.submit(StopUnwanted(planned), progress.stopper(planned.observed.task_id))
        skip_itself(progress, node, planned)
        return False

    def _remark(self, node: int, planned: PlannedTask) -> None:
        """Say what a task goes on without."""
        absent = left_out(self.progress, node)
        if absent:
            self.progress.remarks[node] = f"went on without {absent}"
            self.progress.board.notice(planned.address, f"goes on without {absent}")

    def try_again(self, again: Again) -> None:
        """Another try: the same launch once more where the rule asks for it, else a new one."""
        progress, planned = self.progress, self.progress.tasks[again.node]
        if self._is_call(again.node):
            self.calls.take(again.node, again)
            return
        cause = self.services.dead(again.node)
        if cause:
            progress.active[again.node] = Active(planned, again.key, progress.tools.clock())
            self.endings.fail(again.node, cause)
        elif again.restart is None:
            self.starts.launch(again.node, planned, again)
        else:
            self._restart(again, again.restart)

    def _restart(self, again: Again, task_id: int) -> None:
        progress, planned = self.progress, self.progress.tasks[again.node]
        began = progress.tools.clock()
        progress.active[again.node] = Active(planned, again.key, began, None, again.tries + 1, again.attempt)
        call = partial(restart, progress.tools.server.api, task_id, progress.tools.clock, progress.pause)
        progress.submit(RestartLaunch(again), call)

    def took_restarted(self, again: Again, answer: Answer) -> None:
        """The launch runs once more, or the server cannot do that and a new one is started."""
        progress, node = self.progress, again.node
        active = progress.active.pop(node)
        address = active.planned.address
        if answer.error is not None or again.restart is None:
            if not isinstance(answer.error, Interrupted) and not progress.leaving.is_asked:
                progress.board.notice(address, f"not restarted, so it is launched anew: {words(answer.error)}")
                self.starts.launch(node, active.planned, again)
            return
        active.task_id = again.restart
        progress.active[node] = active
        body = {"task_id": again.restart, "adopted": True, "twins": []}
        progress.ledger.write(Event(EventKind.STARTED, address, active.key, body))
        request = active.planned.request
        workspace = request.workspace if isinstance(request, LaunchRequest) else None
        progress.watch.add(node, again.restart, progress.tools.server.workspace(workspace))
        progress.tools.listener.on(LaunchStarted(address, again.restart, adopted=True))

    def _is_call(self, node: int) -> bool:
        return self.progress.instance(node).task.call is not None
