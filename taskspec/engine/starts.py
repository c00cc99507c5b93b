"""Starts of a run: prepared with what the server says, made durable as intents, sent, and taken in."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from functools import partial

from taskspec.engine.endings import Endings
from taskspec.engine.events import LaunchStarted, words
from taskspec.engine.launching import Launching, Prepared, replaced_by
from taskspec.engine.leaving import OnInterrupt
from taskspec.engine.progress import Active, Progress
from taskspec.engine.retries import Again
from taskspec.engine.reuse import find_reusable, sought_by
from taskspec.engine.skipping import take_back
from taskspec.engine.start import Interrupted, NeverSent, StartDone, Starter
from taskspec.engine.takeover import Takeover
from taskspec.engine.workers import Answer
from taskspec.errors import LockHeld, NotSent, Refused, TaskspecError
from taskspec.plan.model import PlannedTask
from taskspec.plan.request import LaunchRequest
from taskspec.spec.endurance import FailureKind
from taskspec.spec.kinds import ServiceRule
from taskspec.state.model import Event, EventKind, Record


@dataclass(frozen=True, slots=True)
class StartLaunch:
    """Send the start of a task."""

    node: int
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class StopFirst:
    """Stop the launch that a start replaces, and send the start then."""

    node: int
    prepared: Prepared


@dataclass(frozen=True, slots=True)
class FindReusable:
    """Look for a service to take over, and send the start if there is none."""

    node: int
    prepared: Prepared


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
class Starts:
    """Starts launches, each once."""

    progress: Progress
    launching: Launching
    endings: Endings
    takeover: Takeover
    _unprepared: deque[Unprepared] = field(default_factory=deque)
    _is_asking: bool = False

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

    def launch(self, node: int, planned: PlannedTask, again: Again | None = None) -> None:
        """Start a task, or keep it where its inputs turn out unchanged."""
        progress = self.progress
        active = Active(planned, "", progress.tools.clock(), tries=again.tries + 1 if again else 1)
        try:
            request = self.launching.final_launch(planned)
            if planned.only_if_changed and _has_fingerprint(planned.previous, request.fingerprint):
                self.takeover.go_on_with(node, planned)
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
            self.progress.workers.submit(first, partial(self.launching.ask, first.request))

    def took_facts(self, asked: Unprepared, answer: Answer) -> None:
        """The server has told what a launch needs, or could not; go on with every launch that waits for no more."""
        self._is_asking = False
        waiting, self._unprepared = self._unprepared, deque()
        nodes = {active.planned.address: node for node, active in self.progress.active.items()}
        for one in waiting:
            node = nodes[one.address]
            planned = self.progress.tasks[node]
            if take_back(self.progress, node, one.again):
                continue
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
            progress.submit(StopFirst(node, prepared), progress.stopper(planned.observed.task_id))
        else:
            self._send(node, prepared)

    def _launch_service(self, node: int, prepared: Prepared, rule: ServiceRule) -> None:
        """Start a service, beside the launch it replaces; or look first for one that may be reused.

        After a start that was cut off nobody looks for another: that one has to be found first.
        """
        planned, order = self.progress.tasks[node], prepared.order
        replaced = replaced_by(planned)
        self.progress.replaced[node] = (order.key, replaced)
        if rule.reuse and order.unresolved_for is None and order.forerunner is None:
            call = partial(find_reusable, self.progress.tools.server.api, sought_by(order, rule), replaced)
            self.progress.submit(FindReusable(node, prepared), call)
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
        progress.ledger.then(partial(progress.submit, StartLaunch(node, prepared), call))

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
