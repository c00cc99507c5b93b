"""Tasks that launch nothing: their calls are made, awaited and judged; a wait for people may outlast the run.

The intent is durable before a call is made. A call that is interrupted leaves its intent, and the next plan decides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from taskspec.engine.endings import Endings
from taskspec.engine.events import CallBegan, TaskEnded, words
from taskspec.engine.launching import Launching, laid_open
from taskspec.engine.performing import CallFailed, CallOrder, StillPending, describe
from taskspec.engine.progress import Active, Progress
from taskspec.engine.retries import Again
from taskspec.engine.skipping import tell
from taskspec.engine.start import Interrupted
from taskspec.engine.verdict import judge_response
from taskspec.engine.workers import Answer
from taskspec.errors import LockHeld, NotSent, Refused, TaskspecError
from taskspec.plan.model import PlannedTask
from taskspec.plan.request import CallRequest, start_key
from taskspec.spec.endurance import FailureKind
from taskspec.spec.kinds import Call, Kind, can_be_repeated
from taskspec.state.model import Event, EventKind, Outcome
from taskspec.values import Json

WAITS_AT_ONCE = 64
"""Waits cost next to nothing; other calls are as many at a time as launches may be."""


@dataclass(frozen=True, slots=True)
class MakeCall:
    """Make the call of a task."""

    address: str


@dataclass(slots=True)
class Held:
    """A wait for people between two looks. The run may end without it once `patient_until` has come."""

    order: CallOrder
    look_at: float
    patient_until: float
    summary: str


@dataclass(slots=True)
class Calls:
    """The calls of a run. `keep` is what a task does whose inputs turn out unchanged."""

    progress: Progress
    launching: Launching
    endings: Endings
    keep: Callable[[int, PlannedTask], None]
    held: dict[int, Held] = field(default_factory=dict)
    _waiting: deque[tuple[int, Again | None]] = field(default_factory=deque)
    _orders: dict[int, CallOrder] = field(default_factory=dict)

    def take(self, node: int, again: Again | None = None) -> None:
        """The turn of a call has come; it begins as soon as there is room."""
        self._waiting.append((node, again))

    def go_on(self) -> None:
        """Begin what has room, look again where it is time, and end waits for people when nothing else is left."""
        if self.progress.leaving.is_asked:
            return
        for _ in range(len(self._waiting)):
            node, again = self._waiting.popleft()
            if self._has_room(node):
                self._begin(node, again)
            else:
                self._waiting.append((node, again))
        if self.held:
            self._look_again()

    def seconds_left(self, now: float, limit: float) -> float:
        """How long the loop may sleep before a look is due, or before nobody waits for people any longer."""
        if not self.held:
            return limit
        is_idle = self._is_idle
        due = (min(one.look_at, one.patient_until) if is_idle else one.look_at for one in self.held.values())
        return min(limit, max(0.0, min(due) - now))

    def leave(self) -> None:
        """The run is ending: waits for people are pending, the rest is told by the event that cuts it."""
        for node in list(self.held):
            self._pend(node)

    def took(self, node: int, answer: Answer) -> None:
        """A call has its response, has failed, is pending, or was cut off."""
        active = self.progress.active.get(node)
        if active is None:
            return
        if answer.error is None:
            self._judge(node, active, answer.value)
        elif isinstance(answer.error, LockHeld):
            raise answer.error
        elif isinstance(answer.error, Interrupted):
            self._cut_off(node, active)
        elif isinstance(answer.error, StillPending):
            self._hold(node, active, answer.error)
        else:
            self._fail(node, active, answer.error)

    def find(self, address: str) -> int:
        """The node of a call that is out: it may have another number than when the call was made."""
        return next((node for node in self.progress.calling if self._orders[node].address == address), -1)

    @property
    def out(self) -> int:
        """Calls that are on their way, which may be for hours."""
        return len(self.progress.calling) - len(self.held)

    @property
    def waiting(self) -> list[int]:
        """Calls whose turn has come and that wait for room."""
        return [node for node, _ in self._waiting]

    def renumber(self, nodes: Mapping[int, int]) -> None:
        """Go on under other numbers."""
        self.held = {nodes[node]: held for node, held in self.held.items()}
        self._orders = {nodes[node]: order for node, order in self._orders.items() if node in nodes}
        again = ((node, None if one is None else replace(one, node=nodes[node])) for node, one in self._waiting)
        self._waiting = deque((nodes[node], one) for node, one in again)

    def give_up(self, node: int) -> None:
        """Tell of a call that is still out when the run ends."""
        self._cut_off(node, self.progress.active[node])

    def _has_room(self, node: int) -> bool:
        is_wait = self.progress.instance(node).task.kind is Kind.WAIT
        busy = sum(self._orders[other].kind is Kind.WAIT for other in self.progress.calling if other in self._orders)
        if is_wait:
            return busy < WAITS_AT_ONCE
        return len(self.progress.calling) - busy < self.progress.tools.pace.parallelism

    def _begin(self, node: int, again: Again | None) -> None:
        progress, planned = self.progress, self.progress.tasks[node]
        active = Active(planned, "", progress.tools.clock(), tries=again.tries + 1 if again else 1)
        try:
            request = self._final(planned)
            order = self._order(node, request)
        except TaskspecError as error:
            progress.active[node] = active
            self.endings.fail(node, words(error), kind=FailureKind.INPUTS)
            return
        previous = planned.previous
        if planned.only_if_changed and previous is not None and previous.fingerprint == request.fingerprint:
            self.keep(node, planned)
            return
        fingerprint = request.fingerprint or ""
        active.attempt = 1 + (again.attempt if again else max(previous.attempt if previous else 0, planned.attempts))
        active.key = start_key(self.launching.plan.lineage, planned.address, fingerprint, active.attempt)
        body = {"attempt": active.attempt, "fingerprint": fingerprint, "inputs": request.inputs, "watermark": 0}
        progress.ledger.write(Event(EventKind.INTENT, planned.address, active.key, body))
        progress.active[node] = active
        progress.calling.add(node)
        self._orders[node] = order
        progress.tools.listener.on(
            CallBegan(planned.address, str(request.kind), describe(request.kind, request.inputs["body"]))
        )
        self._send(node)

    def _final(self, planned: PlannedTask) -> CallRequest:
        request = self.launching.final_request(planned)
        if not isinstance(request, CallRequest):
            raise AssertionError("only calls come here")
        return request

    def _order(self, node: int, request: CallRequest) -> CallOrder:
        instance, call = self.progress.instance(node), self._call(node)
        evaluator = self.progress.tools.evaluator

        def why_not_met(response: Json) -> str:
            return evaluator.why_not_met(instance, call.poll.until, response) if call.poll is not None else ""

        body = laid_open(request.body) if request.has_secrets else request.body
        return CallOrder(instance.address, request.kind, body, call, request.workspace, why_not_met, request.folder)

    def _call(self, node: int) -> Call:
        call = self.progress.instance(node).task.call
        if call is None:
            raise AssertionError("only calls come here")
        return call

    def _send(self, node: int) -> None:
        progress, observed = self.progress, self.progress.tasks[node].observed
        forerunner = observed.task_id if observed is not None and not observed.is_terminal else None
        perform = partial(self._perform, self._orders[node], forerunner)
        progress.ledger.then(partial(progress.spawn, MakeCall(self._orders[node].address), perform))

    def _perform(self, order: CallOrder, forerunner: int | None) -> Json:
        """Make the call, in a thread of its own; a launch that this task was before is stopped first."""
        tools = self.progress.tools
        tools.store.confirm()
        if forerunner is not None:
            self.progress.stopper(forerunner)()
        return tools.performer.perform(order, self.progress.pause_call)

    def _judge(self, node: int, active: Active, response: Json) -> None:
        progress, instance = self.progress, self.progress.instance(node)
        verdict = judge_response(progress.tools.evaluator, instance, response)
        body = {"outcome": verdict.outcome, "summary": verdict.summary, "results": dict(verdict.results)}
        progress.ledger.write(Event(EventKind.ENDED, active.planned.address, active.key, body))
        if verdict.outcome is not Outcome.SUCCEEDED:
            self.endings.fail(node, verdict.summary, verdict.outcome, verdict.kind)
            return
        progress.close(node)
        progress.show(node, None, verdict.results)
        progress.board.end(progress.ended(active, Outcome.SUCCEEDED))
        tell(progress, progress.frontier.succeed(node))

    def _fail(self, node: int, active: Active, error: Exception) -> None:
        """The call failed. Where nobody knows whether something was deleted, the intent stays for a person to judge."""
        kind = self._kind(node, error)
        is_open = kind is FailureKind.UNKNOWN_START and self.progress.instance(node).task.destructive
        if not is_open:
            body = {"outcome": Outcome.FAILED, "summary": words(error), "results": {}}
            self.progress.ledger.write(Event(EventKind.ENDED, active.planned.address, active.key, body))
        self.endings.fail(node, words(error), kind=kind)

    def _kind(self, node: int, error: Exception) -> FailureKind:
        if isinstance(error, CallFailed):
            return error.kind
        if isinstance(error, Refused):
            return FailureKind.REFUSED
        task = self.progress.instance(node).task
        is_safe = isinstance(error, NotSent) or can_be_repeated(task.kind, self._call(node))
        return FailureKind.ERROR if is_safe else FailureKind.UNKNOWN_START

    def _cut_off(self, node: int, active: Active) -> None:
        self.progress.close(node)
        summary = "interrupted; the next apply makes the call again"
        self.progress.board.end(self.progress.ended(active, Outcome.PENDING, summary))

    def _hold(self, node: int, active: Active, error: StillPending) -> None:
        order, now = self._orders[node], self.progress.tools.clock()
        patient_until = active.began + (order.call.timeout or 0.0)
        self.held[node] = Held(order, now + order.call.every, patient_until, words(error))
        if self.progress.leaving.is_asked:
            self._pend(node)

    def _look_again(self) -> None:
        now, is_idle = self.progress.tools.clock(), self._is_idle
        for node, held in list(self.held.items()):
            if is_idle and now >= held.patient_until:
                self._pend(node)
            elif now >= held.look_at:
                del self.held[node]
                self._send(node)

    @property
    def _is_idle(self) -> bool:
        """Whether waits for people are all that is left to do."""
        progress = self.progress
        is_held = all(node in self.held for node in progress.active)
        is_free = progress.frontier.has_free or self._waiting or progress.retries
        return is_held and not is_free and progress.jobs == 0 and progress.ledger.is_empty

    def _pend(self, node: int) -> None:
        """People are not done: the task and what needs it wait for the next apply."""
        progress, active, held = self.progress, self.progress.active[node], self.held.pop(node)
        cause = active.planned.address
        body = {"outcome": Outcome.PENDING, "summary": held.summary, "results": {}}
        progress.ledger.write(Event(EventKind.ENDED, cause, active.key, body))
        progress.close(node)
        progress.board.end(progress.ended(active, Outcome.PENDING, held.summary))
        for below, _ in progress.frontier.hold(node):
            address = progress.tasks[below].address
            progress.board.end(TaskEnded(address, Outcome.PENDING, summary=f'waits for "{cause}"', because_of=cause))
