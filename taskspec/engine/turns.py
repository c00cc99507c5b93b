"""A task's turn has come: keep it, publish for it, attach to it, or launch it, as the plan says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from taskspec.engine.endings import Endings
from taskspec.engine.events import LaunchStarted, words
from taskspec.engine.launching import Launching, Prepared
from taskspec.engine.leaving import OnInterrupt
from taskspec.engine.progress import Active, Progress
from taskspec.engine.publish import Publisher
from taskspec.engine.restarting import restart
from taskspec.engine.retries import Again
from taskspec.engine.start import Interrupted, StartDone, Starter
from taskspec.engine.workers import Answer
from taskspec.errors import LockHeld, NotSent, Refused, TaskspecError
from taskspec.plan.model import Action, PlannedTask
from taskspec.spec.endurance import FailureKind
from taskspec.state.model import Event, EventKind, Record


@dataclass(slots=True)
class Turns:
    """Begins tasks. Nothing is sent before its intent is durable."""

    progress: Progress
    launching: Launching
    publisher: Publisher
    endings: Endings

    def take(self, node: int) -> None:
        planned = self.progress.tasks[node]
        match planned.action:
            case Action.KEEP:
                self._keep(node, planned)
            case Action.PUBLISH:
                self._keep(node, planned)
                if planned.previous is not None:
                    self.publisher.again(self.progress.instance(node), planned, planned.previous)
            case Action.ATTACH:
                self._attach(node, planned)
            case _:
                self._launch(node, planned, None)

    def try_again(self, again: Again) -> None:
        """Another try: the same launch once more where the rule asks for it, else a new one."""
        progress, planned = self.progress, self.progress.tasks[again.node]
        if again.restart is None:
            self._launch(again.node, planned, again)
            return
        began = progress.tools.clock()
        progress.active[again.node] = Active(planned, again.key, began, None, again.tries + 1, again.attempt)
        call = partial(restart, progress.tools.server.api, again.restart, progress.tools.clock, progress.pause)
        progress.submit(("restart", again), call)

    def took_restarted(self, again: Again, answer: Answer) -> None:
        """The launch runs once more, or the server cannot do that and a new one is started."""
        progress, node = self.progress, again.node
        active = progress.active.pop(node)
        address = active.planned.address
        if answer.error is not None or again.restart is None:
            if not isinstance(answer.error, Interrupted):
                progress.board.notice(address, f"not restarted, so it is launched anew: {words(answer.error)}")
                self._launch(node, active.planned, again)
            return
        active.task_id = again.restart
        progress.active[node] = active
        body = {"task_id": again.restart, "adopted": True, "twins": []}
        progress.ledger.write(Event(EventKind.STARTED, address, active.key, body))
        request = active.planned.request
        progress.watch.add(node, again.restart, progress.tools.server.workspace(request.workspace if request else None))
        progress.tools.listener.on(LaunchStarted(address, again.restart, adopted=True))

    def _keep(self, node: int, planned: PlannedTask) -> None:
        if planned.previous is not None:
            self.progress.show(node, planned.previous.task_id, planned.previous.results)
            self.progress.board.keep(planned.address, planned.previous.task_id)
        self.progress.frontier.succeed(node)

    def _attach(self, node: int, planned: PlannedTask) -> None:
        record, observed = planned.previous, planned.observed
        if record is None or observed is None:
            raise AssertionError("a plan attaches only to a launch that was seen")
        progress = self.progress
        if record.task_id is None:
            body = {"task_id": observed.task_id, "adopted": True, "twins": list(observed.twins)}
            progress.ledger.write(Event(EventKind.STARTED, planned.address, record.key, body))
        began = progress.tools.clock()
        progress.active[node] = Active(planned, record.key, began, observed.task_id, attempt=record.attempt)
        workspace = progress.tools.server.workspace(record.inputs.get("workspace"))
        progress.watch.add(node, observed.task_id, workspace)
        progress.tools.listener.on(LaunchStarted(planned.address, observed.task_id, adopted=True))

    def _launch(self, node: int, planned: PlannedTask, again: Again | None) -> None:
        progress = self.progress
        active = Active(planned, "", progress.tools.clock(), tries=again.tries + 1 if again else 1)
        try:
            request = self.launching.final_request(planned)
            if planned.only_if_changed and _has_fingerprint(planned.previous, request.fingerprint):
                self._keep(node, planned)
                return
            prepared = self.launching.prepare(planned, request, after=again.attempt if again else None)
        except TaskspecError as error:
            progress.active[node] = active
            self.endings.fail(node, words(error), kind=FailureKind.INPUTS)
            return
        active.key, active.attempt = prepared.order.key, prepared.attempt
        progress.active[node] = active
        if prepared.note:
            progress.board.notice(planned.address, prepared.note)
        if planned.replaces_running and planned.observed is not None and again is None:
            progress.submit(("replace", node, prepared), progress.stopper(planned.observed.task_id))
        else:
            self._send(node, prepared)

    def _send(self, node: int, prepared: Prepared) -> None:
        progress = self.progress
        progress.ledger.write(prepared.intent)
        tools = progress.tools
        starter = Starter(tools.server.api, tools.clock, progress.pause, tools.store.confirm, tools.pace.settle)
        call = partial(starter.start, prepared.order)
        progress.ledger.then(partial(progress.submit, ("start", node, prepared), call))

    def took_replaced(self, node: int, prepared: Prepared, answer: Answer) -> None:
        """The launch that had to go first has stopped, or has not."""
        if self.progress.leaving.is_asked or isinstance(answer.error, Interrupted):
            self.progress.active.pop(node)
        elif answer.error is not None:
            self.endings.fail(node, f"the launch to replace could not be stopped: {words(answer.error)}")
        else:
            self._send(node, prepared)

    def took_start(self, node: int, prepared: Prepared, answer: Answer) -> None:
        """The server has the launch, refused it, or nobody can say."""
        active = self.progress.active[node]
        if isinstance(answer.value, StartDone):
            self._started(node, active, prepared, answer.value)
        elif isinstance(answer.error, Refused | NotSent):
            body = {"message": answer.error.message}
            self.progress.ledger.write(Event(EventKind.REFUSED, active.planned.address, active.key, body))
            self.endings.fail(node, words(answer.error), kind=FailureKind.REFUSED)
        elif isinstance(answer.error, LockHeld):
            raise answer.error
        elif not isinstance(answer.error, Interrupted):
            self.endings.fail(node, words(answer.error), kind=FailureKind.UNKNOWN_START)

    def _started(self, node: int, active: Active, prepared: Prepared, done: StartDone) -> None:
        progress, address = self.progress, active.planned.address
        body = {"task_id": done.task_id, "adopted": done.adopted, "twins": list(done.twins), "resent": done.resent}
        progress.ledger.write(Event(EventKind.STARTED, address, active.key, body))
        active.task_id = done.task_id
        if done.resent:
            progress.sweep.remember(prepared.order, done.task_id)
        progress.watch.add(node, done.task_id, prepared.order.workspace)
        progress.tools.listener.on(LaunchStarted(address, done.task_id, done.adopted))
        if progress.leaving.is_asked and progress.leaving.mode is OnInterrupt.STOP:
            self.endings.halt(node)
        if done.twins:
            progress.board.notice(address, f"started more than once; stopped the later launches {list(done.twins)}")


def _has_fingerprint(record: Record | None, fingerprint: str | None) -> bool:
    return record is not None and record.fingerprint == fingerprint
