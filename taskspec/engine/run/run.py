"""One run of a plan as a machine: messages and the time go in, effects come out. It does nothing by itself.

A history of messages can be replayed: the same messages at the same times give the same effects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from taskspec.engine.deferred_planner import DeferredPlanner
from taskspec.engine.events import RunBegan, RunEnded, RunReport, TaskEnded
from taskspec.engine.interrupt import InterruptState, OnInterrupt
from taskspec.engine.protocol.commands import Command, PollLaunches, RegisterFolders, StopDuplicates, StopLaunches
from taskspec.engine.protocol.effects import record, report, submit
from taskspec.engine.protocol.messages import FoldersRegistered, FurtherPlanned, InterruptAsked, Message
from taskspec.engine.protocol.run_facts import RunSetup
from taskspec.engine.protocol.states import (
    Calling,
    OnHold,
    Running,
    RunningService,
    StartingService,
    StopPurpose,
    TaskState,
    Unresolved,
)
from taskspec.engine.rules.call_rules import abandon_call
from taskspec.engine.rules.service_rules import launches_left, on_unused
from taskspec.engine.run.completion import record_skips
from taskspec.engine.run.deferred import Deferred
from taskspec.engine.run.dispatch import Dispatcher
from taskspec.engine.run.message_handler import MessageHandler
from taskspec.engine.run.poll_schedule import PollSchedule
from taskspec.engine.run.state import RunState, watched_launch
from taskspec.errors import SpecError
from taskspec.plan.model import Plan
from taskspec.plan.planner import final_results
from taskspec.state import event_bodies
from taskspec.state.model import Outcome
from taskspec.values import Json

_IDLE_SECONDS = 5.0
"""The longest the loop sleeps where nothing is due."""


@dataclass(slots=True)
class Run:
    """A run of one plan. Belongs to one thread."""

    run_id: str
    plan: Plan
    setup: RunSetup
    interrupt_state: InterruptState
    planner: Callable[[Plan, str, frozenset[str]], DeferredPlanner]
    began: float
    state: RunState = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    deferred: Deferred = field(init=False)
    message_handler: MessageHandler = field(init=False)
    _is_registering: bool = True

    def __post_init__(self) -> None:
        pace = self.setup.pace
        polls = PollSchedule(pace.poll_shortest, pace.poll_longest, pace.server_patience)
        self.state = RunState(self.plan, self.setup, self.interrupt_state, polls)
        self.dispatcher = Dispatcher(self.state)
        self.deferred = Deferred(self.state, self.planner)
        self.message_handler = MessageHandler(self.state, self.dispatcher)
        self.state.do(submit(RegisterFolders(self.plan)))

    def begin_ready(self, now: float) -> None:
        """Begin what may begin, and ask for what is due."""
        if self._is_registering:
            return
        self.dispatcher.begin_ready(now)
        self.deferred.plan_next()
        self._stop_duplicates_if_due()
        self._poll_if_due(now)

    def handle(self, message: Message, now: float, command: Command | None = None) -> None:
        """Take a message in; `command` is what it answers, if it answers one."""
        if command is not None:
            self.state.awaited -= command.is_awaited
        if not self.deferred.keep_if_planning(message):
            self._handle(message, now)

    def settle(self, now: float) -> None:
        """End the run at its deadline, and every service whose last user has ended."""
        if self.interrupt_state.has_passed(now):
            self._leave(now, OnInterrupt.DETACH)
        for address in self.state.services:
            state = self.state.states.get(address)
            if isinstance(state, RunningService | StartingService) and not self.state.is_used(address):
                self.dispatcher.settle(on_unused(state, self.state.facts(address)), now)

    def is_over(self, now: float) -> bool:
        """Whether nothing is left to do, or to wait for."""
        run = self.state
        is_busy = run.awaited > 0 or run.has_effects
        if self.interrupt_state.is_requested:
            is_starting = run.is_stopping_services or any(map(_is_on_its_way, run.states.values()))
            return self.interrupt_state.is_over(now, starting=is_starting, active=bool(run.states) or is_busy)
        is_done = run.ready.frontier.is_done and not self._is_registering
        return is_done and not is_busy and not run.services_up and not run.answered_starts

    def seconds_left(self, now: float) -> float:
        """How long the loop may wait for a message."""
        run = self.state
        if self._is_registering:
            return self.interrupt_state.seconds_left(now, _IDLE_SECONDS)
        if self.is_over(now) or run.has_effects or (run.has_room and run.ready.frontier.has_ready):
            return 0.0
        limit = self.interrupt_state.seconds_left(now, self.dispatcher.seconds_left(now, _IDLE_SECONDS))
        if run.has_room:
            limit = run.ready.retries.seconds_left(now, limit)
        return run.polls.seconds_left(now, limit) if run.watched else limit

    def finish(self, now: float) -> RunReport:
        """End the run: what goes on without it is reported so, and every task has an outcome."""
        run = self.state
        for state in list(run.states.values()):
            if isinstance(state, Calling | OnHold):
                self.dispatcher.settle(abandon_call(state.attempt), now)
            else:
                is_up = state.attempt.address in run.services_up
                later = "takes it over, or stops it" if is_up else "attaches to it"
                run.end(run.ended(state.attempt, Outcome.RUNNING, f"still running; the next apply {later}", now))
        for retry in run.ready.admission.give_up():
            run.end(TaskEnded(retry.address, Outcome.FAILED, summary="interrupted before its next try"))
        addresses = (task.address for task in run.plan.tasks)
        result = RunReport(
            run=self.run_id,
            tasks=tuple(run.outcomes.get(one) or TaskEnded(one, Outcome.PENDING) for one in addresses),
            results=self._results(),
            seconds=now - self.began,
            detached=self.interrupt_state.is_requested,
            stopped=tuple(run.stopped),
            unstopped=tuple(run.unstopped),
        )
        run.do(record(event_bodies.run_ended(result.counts, detached=result.detached)) + report(RunEnded(result)))
        return result

    def _handle(self, message: Message, now: float) -> None:
        match message:
            case InterruptAsked():
                self._leave(now)
            case FoldersRegistered(error):
                if self._is_registering and error is not None:
                    raise error
                if self._is_registering:
                    self._start()
            case FurtherPlanned():
                self.deferred.on_planned(message, now)
                self._handle_waiting(now)
            case _:
                self.message_handler.handle(message, now)

    def _start(self) -> None:
        """Record and report the beginning, and stop launches that are not wanted any more."""
        run = self.state
        self._is_registering = False
        actions = {str(action): count for action, count in self.plan.counts.items() if count}
        began = RunBegan(self.run_id, self.plan, self.setup.pace.parallelism)
        run.do(record(event_bodies.run_started(actions, self.plan.server)) + report(began))
        if self.interrupt_state.is_requested:
            return
        for planned in (*self.plan.tasks, *self.plan.stops):
            for twin in planned.duplicates:
                run.do(submit(StopLaunches(planned.address, (twin,), StopPurpose.DUPLICATE)))
        for stop in self.plan.stops:
            run.do(submit(StopLaunches(stop.address, tuple(launches_left(stop)), StopPurpose.UNWANTED)))
        record_skips(run, run.ready.skipped_at_once)

    def _leave(self, now: float, mode: OnInterrupt | None = None) -> None:
        """Begin to leave; with `stop`, ask every launch to stop, the youngest first."""
        if not self.interrupt_state.ask(now, mode):
            return
        if self._is_registering:
            self._start()
        self.dispatcher.leave(now)
        self._handle_waiting(now)
        if self.interrupt_state.mode is OnInterrupt.STOP:
            for state in reversed(list(self.state.states.values())):
                if isinstance(state, Running | StartingService):
                    launch = (state.launch.task_id,)
                    key = state.attempt.key if state.attempt.carries_key else ""
                    stop = StopLaunches(state.attempt.address, launch, StopPurpose.INTERRUPT, launch_key=key)
                    self.state.do(submit(stop))

    def _handle_waiting(self, now: float) -> None:
        for message in self.deferred.take_waiting():
            self._handle(message, now)

    def _poll_if_due(self, now: float) -> None:
        run = self.state
        if not run.watched or not run.polls.is_due(now):
            return
        wanted: dict[int, list[int]] = {}
        for address in run.watched:
            launch = watched_launch(run.states[address])
            if launch is not None:
                wanted.setdefault(launch.workspace, []).append(launch.task_id)
        run.polls.is_asking = True
        run.do(submit(PollLaunches(wanted)))

    def _stop_duplicates_if_due(self) -> None:
        """Once all else is done, look for launches that came of a start which arrived more than once."""
        run = self.state
        is_idle = run.awaited == 0 and not run.services_up and not self.interrupt_state.is_requested
        if run.answered_starts and run.ready.frontier.is_done and is_idle:
            starts, run.answered_starts = tuple(run.answered_starts), []
            run.do(submit(StopDuplicates(starts)))

    def _results(self) -> Mapping[str, Json]:
        if self.state.is_planning:
            return {}
        try:
            return final_results(self.setup.evaluator)
        except SpecError:
            return {}


def _is_on_its_way(state: TaskState) -> bool:
    """Whether a start or a call is being sent, so that even a run that detaches waits a moment."""
    return state.attempt.task_id is None and not isinstance(state, Unresolved)
