"""Begins tasks: what the plan says of one whose turn has come, and the next try of one that failed."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from taskspec.engine.events import error_text
from taskspec.engine.launches.prepare import NotLaunchable
from taskspec.engine.protocol.commands import FetchFacts, StopLaunches
from taskspec.engine.protocol.effects import submit
from taskspec.engine.protocol.messages import FactsFetched
from taskspec.engine.protocol.states import (
    Attempt,
    CallQueued,
    Digesting,
    Dropped,
    End,
    Failed,
    Kept,
    OnHold,
    Preparing,
    RunningService,
    StopPurpose,
    Watched,
)
from taskspec.engine.rules.call_rules import begin_call, give_up_waiting, poll_again
from taskspec.engine.rules.launch_rules import Step, attach, begin_launch, on_start, restart_launch
from taskspec.engine.rules.output_rules import publish_kept
from taskspec.engine.rules.service_rules import begin_service
from taskspec.engine.run.completion import finish, note_absent_upstream, return_unstarted, service_is_up, skip_itself
from taskspec.engine.run.state import RunState
from taskspec.engine.schedule.retries import PendingRetry
from taskspec.errors import TaskspecError
from taskspec.plan.model import Action, PlannedTask
from taskspec.specfile.fields.kinds import Kind
from taskspec.specfile.fields.retries_and_deadlines import FailureKind
from taskspec.values import Unknown

WAITS_AT_ONCE = 64
"""Waits cost next to nothing; other calls are as many at a time as launches may be."""


@dataclass(slots=True)
class Dispatcher:
    """Begins the tasks of one run, and puts each in the state that a rule gives it."""

    run: RunState
    _queue: deque[str] = field(default_factory=deque)
    """Calls whose turn has come and that wait until fewer calls are made."""
    _calls: dict[str, Kind] = field(default_factory=dict)
    """Calls that began, by address."""
    _preparing: deque[str] = field(default_factory=deque)
    _is_fetching: bool = False

    def settle(self, step: Step, now: float) -> None:
        """Put a task in its new state, and keep what the rule asks for."""
        state, effects = step
        run, address = self.run, step[0].attempt.address
        run.do(effects)
        if isinstance(state, End):
            self._calls.pop(address, None)
            finish(run, state, now)
            return
        before = run.states.get(address)
        if isinstance(state, Watched) and not isinstance(before, Watched):
            run.polls.hurry(now, is_first=not run.watched)
        run.put(address, state)
        if isinstance(state, RunningService) and not isinstance(before, RunningService):
            service_is_up(run, state)
        if isinstance(state, Preparing) and not isinstance(before, Preparing):
            self._preparing.append(address)

    def begin_ready(self, now: float) -> None:
        """Begin every task and try that may begin now."""
        self._begin_turns(now)
        while self._give_up_deadlocked(now):
            self._begin_turns(now)
        self._fetch_facts()

    def begin_task(self, address: str, now: float) -> None:
        """Do what the plan says of a task whose turn has come."""
        run = self.run
        planned = run.tasks[address]
        if planned.is_folded:
            run.deferred.append(address)
        elif self._skip_if_unwanted(address, planned, now):
            return
        else:
            note_absent_upstream(run, address)
            self._begin(address, planned, now)

    def try_again(self, retry: PendingRetry, now: float) -> None:
        """Another try: the same launch again where the rule asks for it, else a new one."""
        run, address = self.run, retry.address
        why = run.service_failure(address)
        if why:
            self.settle((Failed(Attempt(address, now, retry.key), why), submit()), now)
        elif run.instances[address].task.call is not None:
            self._enqueue(Attempt(address, now, tries=retry.tries + 1), retry, now)
        elif retry.restart is not None:
            self.settle(restart_launch(run.facts(address), now, retry, retry.restart), now)
        else:
            self.settle(begin_launch(run.facts(address), now, retry), now)

    def facts_fetched(self, message: FactsFetched, now: float) -> None:
        """The server has answered: start the launches that waited for these facts; some need others."""
        run = self.run
        self._is_fetching = False
        waiting, self._preparing = self._preparing, deque()
        for address in waiting:
            state = run.states.get(address)
            if not isinstance(state, Preparing) or return_unstarted(run, address, state.retry):
                continue
            self.settle(on_start(state, message, run.facts(address), now), now)
            if isinstance(run.states.get(address), Preparing):
                self._preparing.append(address)

    def begin_ready_calls(self, now: float) -> None:
        """Begin calls that may begin, look again where it is time, and end waits when nothing else is left to do."""
        run = self.run
        if run.interrupt_state.is_requested:
            return
        for _ in range(len(self._queue)):
            address = self._queue.popleft()
            state = run.states.get(address)
            if not isinstance(state, CallQueued) or return_unstarted(run, address, state.retry):
                continue
            if self._has_room(address):
                self._calls[address] = run.instances[address].task.kind
                self.settle(begin_call(state, run.facts(address), now), now)
            else:
                self._queue.append(address)
        held = self.held
        is_idle = bool(held) and self._is_idle(held)
        for state in held:
            if is_idle and now >= state.wait_until:
                self.settle(give_up_waiting(state), now)
            elif now >= state.next_poll:
                self.settle(poll_again(state, run.facts(state.attempt.address)), now)

    @property
    def held(self) -> list[OnHold]:
        """Waits for a person between two looks."""
        states = (self.run.states.get(address) for address in self._calls)
        return [state for state in states if isinstance(state, OnHold)]

    def seconds_left(self, now: float, limit: float) -> float:
        """How long the loop may sleep before a look is due, or before waits for a person end."""
        held = self.held
        if not held:
            return limit
        is_idle = self._is_idle(held)
        due = (min(one.next_poll, one.wait_until) if is_idle else one.next_poll for one in held)
        return min(limit, max(0.0, min(due) - now))

    def leave(self, now: float) -> None:
        """The run is ending: what has not been sent is left to the next apply, and waits are pending."""
        run = self.run
        for state in list(run.states.values()):
            if isinstance(state, Preparing | CallQueued | Digesting):
                self.settle((Dropped(state.attempt, state.retry), submit()), now)
            elif isinstance(state, OnHold):
                self.settle(give_up_waiting(state), now)
        self._preparing.clear()
        self._queue.clear()

    def _begin(self, address: str, planned: PlannedTask, now: float) -> None:
        run = self.run
        facts = run.facts(address)
        attempt = Attempt(address, now)
        match planned.action:
            case _ if facts.task.service is not None:
                self.settle(begin_service(facts, now), now)
            case Action.KEEP | Action.PUBLISH:
                self.settle((Kept(attempt), submit()), now)
                if planned.action is Action.PUBLISH and planned.previous is not None:
                    run.do(publish_kept(facts, planned.previous))
            case Action.ATTACH:
                self.settle(attach(facts, now), now)
            case _ if facts.task.call is not None:
                self._enqueue(attempt, None, now)
            case _:
                self.settle(begin_launch(facts, now), now)

    def _enqueue(self, attempt: Attempt, retry: PendingRetry | None, now: float) -> None:
        self._queue.append(attempt.address)
        self.settle((CallQueued(attempt, retry), submit()), now)

    def _skip_if_unwanted(self, address: str, planned: PlannedTask, now: float) -> bool:
        """End a task whose condition does not hold, now that what it reads is known; whether that was so."""
        run = self.run
        if planned.action is Action.SKIP:
            skip_itself(run, address)
            return True
        if not planned.condition:
            return False
        try:
            holds = run.setup.evaluator.condition(run.instances[address])
            if isinstance(holds, Unknown):
                raise NotLaunchable(f"its condition is still unknown: {holds.describe()}")
        except TaskspecError as error:
            failed = Failed(Attempt(address, now), error_text(error), kind=FailureKind.INPUTS)
            self.settle((failed, submit()), now)
            return True
        if holds:
            return False
        if planned.action is Action.ATTACH and planned.observed is not None:
            launch = (planned.observed.task_id,)
            run.do(submit(StopLaunches(address, launch, StopPurpose.CONDITION_FALSE)))
        skip_itself(run, address)
        return True

    def _begin_turns(self, now: float) -> None:
        run = self.run
        while run.has_room and (turn := run.ready.next(now)) is not None:
            if isinstance(turn, PendingRetry):
                self.try_again(turn, now)
            else:
                self.begin_task(turn, now)
        if not run.is_planning:
            self.begin_ready_calls(now)

    def _give_up_deadlocked(self, now: float) -> bool:
        """Fail a task that waits for slots which only services hold, that wait for it; whether there was one."""
        run = self.run
        if run.is_running() or run.interrupt_state.is_requested:
            return False
        run.ready.admission.look_again()
        self._begin_turns(now)
        stuck = run.ready.admission.stuck() if not run.is_running() else None
        if stuck is None:
            return False
        summary = f"{stuck.reason}. Increase it."
        self.settle((Failed(Attempt(stuck.address, now), summary, kind=FailureKind.INPUTS), submit()), now)
        return True

    def _fetch_facts(self) -> None:
        """Ask the server for what the first waiting launch needs; most of the others need the same."""
        while self._preparing and not self._is_fetching:
            state = self.run.states.get(self._preparing[0])
            if isinstance(state, Preparing):
                self._is_fetching = True
                self.run.do(submit(FetchFacts(state.attempt.address, state.request)))
            else:
                self._preparing.popleft()

    def _has_room(self, address: str) -> bool:
        waits = sum(kind is Kind.WAIT for kind in self._calls.values())
        if self.run.instances[address].task.kind is Kind.WAIT:
            return waits < WAITS_AT_ONCE
        return len(self._calls) - waits < self.run.setup.pace.parallelism

    def _is_idle(self, held: list[OnHold]) -> bool:
        """Whether waits for a person are all that is left to do."""
        run = self.run
        is_held = len(run.states) == len(held) + len(run.services_up)
        is_free = run.ready.frontier.has_ready or self._queue or run.ready.retries
        return is_held and not is_free and run.awaited == 0 and not run.has_effects
