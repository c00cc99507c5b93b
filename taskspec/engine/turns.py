"""A task's turn has come: keep it, publish for it, attach to it, or launch it, as the plan says."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial

from taskspec.engine.calls import Calls
from taskspec.engine.endings import Endings
from taskspec.engine.events import LaunchStarted, words
from taskspec.engine.launching import Launching, NotLaunchable, Prepared, replaced_by
from taskspec.engine.leaving import OnInterrupt
from taskspec.engine.progress import Active, Progress
from taskspec.engine.publish import Publisher
from taskspec.engine.restarting import restart
from taskspec.engine.retries import Again
from taskspec.engine.reuse import find_reusable, sought_by
from taskspec.engine.services import Services
from taskspec.engine.skipping import left_out, skip_itself, tell
from taskspec.engine.start import Interrupted, NeverSent, StartDone, Starter
from taskspec.engine.workers import Answer
from taskspec.errors import LockHeld, NotSent, Refused, TaskspecError
from taskspec.plan.model import Action, PlannedTask
from taskspec.plan.request import LaunchRequest
from taskspec.spec.endurance import FailureKind
from taskspec.spec.kinds import ServiceRule
from taskspec.state.model import Event, EventKind, Record
from taskspec.values import Unknown


@dataclass(frozen=True, slots=True)
class Unprepared:
    """A launch that waits for facts from the server: its agent, or the highest launch there is."""

    address: str
    request: LaunchRequest
    again: Again | None

    @property
    def after(self) -> int | None:
        """The number of the attempt of this run that failed before, if there was one."""
        return self.again.attempt if self.again is not None else None


@dataclass(slots=True)
class Turns:
    """Begins tasks. Nothing is sent before its intent is durable."""

    progress: Progress
    launching: Launching
    publisher: Publisher
    endings: Endings
    services: Services
    calls: Calls = field(init=False)
    _unprepared: deque[Unprepared] = field(default_factory=deque)
    _is_asking: bool = False

    def __post_init__(self) -> None:
        self.calls = Calls(self.progress, self.launching, self.endings, self._keep)

    @property
    def is_preparing(self) -> bool:
        """Whether a launch waits for facts from the server. Nothing of it has been sent or written yet."""
        return bool(self._unprepared)

    def leave(self) -> None:
        """The run is ending: a launch that is not prepared is left to the next apply."""
        nodes = {active.planned.address: node for node, active in self.progress.active.items()}
        for waiting in self._unprepared:
            self.progress.active.pop(nodes[waiting.address])
            if waiting.again is not None:
                self.progress.retries.add(waiting.again)
        self._unprepared.clear()

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
                self._keep(node, planned)
            case Action.PUBLISH:
                self._keep(node, planned)
                if planned.previous is not None:
                    self.publisher.again(self.progress.instance(node), planned, planned.previous)
            case Action.ATTACH:
                self._attach(node, planned)
            case _ if self._is_call(node):
                self.calls.take(node)
            case _:
                self._launch(node, planned, None)

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
            progress.submit(("stop", planned), progress.stopper(planned.observed.task_id))
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
            self._launch(again.node, planned, again)
        else:
            self._restart(again, again.restart)

    def _restart(self, again: Again, task_id: int) -> None:
        progress, planned = self.progress, self.progress.tasks[again.node]
        began = progress.tools.clock()
        progress.active[again.node] = Active(planned, again.key, began, None, again.tries + 1, again.attempt)
        call = partial(restart, progress.tools.server.api, task_id, progress.tools.clock, progress.pause)
        progress.submit(("restart", again), call)

    def took_restarted(self, again: Again, answer: Answer) -> None:
        """The launch runs once more, or the server cannot do that and a new one is started."""
        progress, node = self.progress, again.node
        active = progress.active.pop(node)
        address = active.planned.address
        if answer.error is not None or again.restart is None:
            if not isinstance(answer.error, Interrupted) and not progress.leaving.is_asked:
                progress.board.notice(address, f"not restarted, so it is launched anew: {words(answer.error)}")
                self._launch(node, active.planned, again)
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

    def _keep(self, node: int, planned: PlannedTask) -> None:
        if planned.previous is not None:
            self.progress.show(node, planned.previous.task_id, planned.previous.results)
            self.progress.board.keep(planned.address, planned.previous.task_id)
        self.progress.admission.release(node)
        tell(self.progress, self.progress.frontier.succeed(node))

    def _attach(self, node: int, planned: PlannedTask) -> None:
        record, observed = planned.previous, planned.observed
        if record is None or observed is None:
            raise AssertionError("a plan attaches only to a launch that was seen")
        progress = self.progress
        if record.task_id is None:
            body = {"task_id": observed.task_id, "adopted": True, "twins": list(observed.twins)}
            progress.ledger.write(Event(EventKind.STARTED, planned.address, record.key, body))
        began = progress.tools.clock()
        active = Active(planned, record.key, began, observed.task_id, attempt=record.attempt)
        active.fingerprint, active.reused = record.fingerprint, record.reused
        progress.active[node] = active
        if record.replaces:
            progress.replaced[node] = (record.key, record.replaces)
        workspace = progress.tools.server.workspace(record.inputs.get("workspace"))
        progress.watch.add(node, observed.task_id, workspace)
        progress.tools.listener.on(LaunchStarted(planned.address, observed.task_id, adopted=True))

    def _launch(self, node: int, planned: PlannedTask, again: Again | None) -> None:
        progress = self.progress
        active = Active(planned, "", progress.tools.clock(), tries=again.tries + 1 if again else 1)
        try:
            request = self.launching.final_launch(planned)
            if planned.only_if_changed and _has_fingerprint(planned.previous, request.fingerprint):
                self._go_on(node, planned)
                return
            waiting = Unprepared(planned.address, request, again)
            progress.active[node] = active
            if self.launching.is_ready(planned, request, after=waiting.after):
                self._prepared(node, waiting)
            else:
                self._unprepared.append(waiting)
                self._ask()
        except TaskspecError as error:
            progress.active[node] = active
            self.endings.fail(node, words(error), kind=FailureKind.INPUTS)

    def _ask(self) -> None:
        """Let a worker ask the server for what the first waiting launch needs; most of the others need the same."""
        if self._unprepared and not self._is_asking:
            self._is_asking = True
            first = self._unprepared[0]
            self.progress.workers.submit(("facts", first), partial(self.launching.ask, first.request))

    def took_facts(self, asked: Unprepared, answer: Answer) -> None:
        """The server has told what a launch needs, or could not; go on with every launch that waits for no more."""
        self._is_asking = False
        waiting, self._unprepared = self._unprepared, deque()
        nodes = {active.planned.address: node for node, active in self.progress.active.items()}
        for one in waiting:
            node = nodes[one.address]
            planned = self.progress.tasks[node]
            try:
                if one is asked and answer.error is not None:
                    raise answer.error
                if one is asked or self.launching.is_ready(planned, one.request, after=one.after):
                    self._prepared(node, one)
                else:
                    self._unprepared.append(one)
            except TaskspecError as error:
                self.endings.fail(node, words(error), kind=FailureKind.INPUTS)
        self._ask()

    def _prepared(self, node: int, waiting: Unprepared) -> None:
        """Make the intent and the order, and send what the order asks for."""
        progress, planned, again = self.progress, self.progress.tasks[node], waiting.again
        active, request = progress.active[node], waiting.request
        prepared = self.launching.prepare(planned, request, after=waiting.after)
        active.key, active.attempt = prepared.order.key, prepared.attempt
        active.fingerprint = request.fingerprint or ""
        if prepared.note:
            progress.board.notice(planned.address, prepared.note)
        rule = progress.instance(node).task.service
        if rule is not None:
            self._launch_service(node, prepared, rule)
        elif planned.replaces_running and planned.observed is not None and again is None:
            progress.submit(("replace", node, prepared), progress.stopper(planned.observed.task_id))
        else:
            self._send(node, prepared)

    def _go_on(self, node: int, planned: PlannedTask) -> None:
        """Nothing changed after all: what a job has done is kept, a service that runs is taken over."""
        if self.progress.instance(node).task.service is None:
            self._keep(node, planned)
        else:
            self._attach(node, planned)

    def _launch_service(self, node: int, prepared: Prepared, rule: ServiceRule) -> None:
        """Start a service, beside the launch it replaces; or look first for one that may be reused.

        After a start that was cut off nobody looks for another: that one has to be found first.
        """
        planned, order = self.progress.tasks[node], prepared.order
        replaced = replaced_by(planned)
        self.progress.replaced[node] = (order.key, replaced)
        if rule.reuse and order.unresolved_for is None and order.forerunner is None:
            call = partial(find_reusable, self.progress.tools.server.api, sought_by(order, rule), replaced)
            self.progress.submit(("reuse", node, prepared), call)
        else:
            self._send(node, prepared)

    def took_reusable(self, node: int, prepared: Prepared, answer: Answer) -> None:
        """There is a launch to take over, which is not ours to stop; or there is none, and one is started."""
        progress, active = self.progress, self.progress.active[node]
        if answer.error is not None:
            self.endings.fail(node, f"nobody could look for a service to reuse: {words(answer.error)}")
        elif progress.leaving.is_asked:
            progress.active.pop(node)
        elif not isinstance(answer.value, int):
            self._send(node, prepared)
        else:
            active.task_id, active.reused = answer.value, True
            body = {"task_id": answer.value, "adopted": True, "reused": True}
            progress.ledger.write(prepared.intent)
            progress.ledger.write(Event(EventKind.STARTED, active.planned.address, active.key, body))
            progress.watch.add(node, answer.value, prepared.order.workspace)
            progress.tools.listener.on(LaunchStarted(active.planned.address, answer.value, adopted=True))

    def _send(self, node: int, prepared: Prepared) -> None:
        progress = self.progress
        progress.ledger.write(prepared.intent)
        tools = progress.tools
        starter = Starter(tools.server.api, tools.clock, progress.pause, self._confirm, tools.pace.settle)
        call = partial(starter.start, prepared.order)
        progress.ledger.then(partial(progress.submit, ("start", node, prepared), call))

    def _confirm(self) -> None:
        """Runs in a worker, right before a start is sent. Raises LockHeld, or Interrupted once the run is ending."""
        if self.progress.leaving.signalled.is_set() or self.progress.leaving.gone.is_set():
            raise Interrupted
        self.progress.tools.store.confirm()

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
        elif isinstance(answer.error, NeverSent):
            body = {"message": "the run was interrupted before the start was sent"}
            self.progress.ledger.write(Event(EventKind.REFUSED, active.planned.address, active.key, body))
            self.progress.active.pop(node)
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
