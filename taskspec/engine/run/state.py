"""The state of one run: the only value of the engine that changes. It asks no server and reads no file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from taskspec.engine.events import EngineEvent, Noticed, TaskEnded
from taskspec.engine.interrupt import InterruptState, OnInterrupt
from taskspec.engine.launches.start import StartOrder
from taskspec.engine.protocol.commands import ReadLog, StopLaunches
from taskspec.engine.protocol.effects import NO_EFFECTS, Effects, notice, report, submit
from taskspec.engine.protocol.run_facts import RunFacts, RunSetup
from taskspec.engine.protocol.states import (
    Attempt,
    LaunchState,
    Running,
    RunningService,
    StartingService,
    Stopping,
    StopPurpose,
    TaskState,
    WatchedLaunch,
)
from taskspec.engine.run.poll_schedule import PollSchedule
from taskspec.engine.schedule.ready import Ready
from taskspec.plan.model import Action, Plan, PlannedTask
from taskspec.specfile.fields.kinds import RunOn
from taskspec.state.model import Outcome
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.task_views import TaskView
from taskspec.values import Json


@dataclass(slots=True)
class RunState:
    """Everything a run knows. An address is the identity of a task; `states` holds those between turn and end."""

    plan: Plan
    setup: RunSetup
    interrupt_state: InterruptState
    polls: PollSchedule
    states: dict[str, TaskState] = field(default_factory=dict)
    outcomes: dict[str, TaskEnded] = field(default_factory=dict)
    """The outcome of each task so far, with secrets redacted."""
    tasks: dict[str, PlannedTask] = field(init=False)
    instances: dict[str, Instance] = field(init=False)
    ready: Ready = field(init=False)
    deferred: list[str] = field(default_factory=list)
    """Addresses that stand for instances to be found out before anything else begins."""
    is_planning: bool = False
    """Whether a worker makes a plan, which changes what the evaluator knows of tasks."""
    remarks: dict[str, str] = field(default_factory=dict)
    """What the report says of a task that succeeds."""
    answered_starts: list[tuple[StartOrder, int]] = field(default_factory=list)
    """Starts that were sent again, with their launches: a duplicate may still turn up."""
    failed_services: dict[str, str] = field(default_factory=dict)
    """How services died, by address."""
    ended_by: str = ""
    """The address of the failure that has ended the run: nothing new begins but what runs on failure or always."""
    stopped: list[str] = field(default_factory=list)
    unstopped: list[str] = field(default_factory=list)
    awaited: int = 0
    """Commands whose messages the end of the run waits for."""
    superseding: int = 0
    """Launches of services that are being stopped because a newer one is up."""
    services: dict[str, list[str]] = field(init=False, default_factory=dict)
    """The direct users of each service."""
    _open_users: dict[str, list[str]] = field(init=False, default_factory=dict)
    watched: dict[str, None] = field(init=False, default_factory=dict)
    """Addresses whose launches are polled."""
    _starting_tasks: set[str] = field(init=False, default_factory=set)
    """Launches between their turn and their end; services that are up are not among them."""
    _reading_log: set[str] = field(init=False, default_factory=set)
    _effects: list[Effects] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.ready = Ready(self.plan)
        self._index()

    def _index(self) -> None:
        self.tasks = {task.address: task for task in self.plan.tasks}
        self.instances = {instance.address: instance for instance in self.plan.expansion.instances}
        self.services, self._open_users = {}, {}
        for address in self.tasks:
            if self.instances[address].task.service is not None:
                found = [user for user in self.ready.users(address) if user in self.tasks]
                self.services[address], self._open_users[address] = found, list(found)

    def use_plan(self, plan: Plan) -> None:
        """Go on with a plan that has more instances."""
        up = [address for address, state in self.states.items() if _was_up(state)]
        begun = [address for address in self.states if address not in up]
        self.ready = self.ready.with_plan(plan, {*self.over, *up}, [*begun, *self.deferred_in(plan)])
        self.plan = plan
        self.deferred = self.deferred_in(plan)
        self._index()
        for address in self.states:
            self.ready.keep_slots(address)

    @property
    def over(self) -> frozenset[str]:
        """Addresses that have their outcome, or get it once the log of their launch is read."""
        return frozenset((*self.outcomes, *self._reading_log))

    def deferred_in(self, plan: Plan) -> list[str]:
        there = {instance.address for instance in plan.expansion.instances}
        return [address for address in self.deferred if address in there]

    def put(self, address: str, state: TaskState) -> None:
        """The task is in this state now."""
        self.states[address] = state
        is_launching = isinstance(state, LaunchState) and not _was_up(state)
        (self._starting_tasks.add if is_launching else self._starting_tasks.discard)(address)
        if watched_launch(state) is not None:
            self.watched[address] = None
        else:
            self.watched.pop(address, None)

    def drop(self, address: str) -> None:
        """The task has come to an end, or waits for its next try."""
        self.states.pop(address, None)
        self._starting_tasks.discard(address)
        self.watched.pop(address, None)
        self.ready.release(address)

    def facts(self, address: str, *, of_users: bool = False) -> RunFacts:
        """What rules may know of a task; how the users of a service ended only where that is asked for."""
        is_service = address in self.services
        users = self.services[address] if is_service and of_users else ()
        leaving = self.interrupt_state
        return RunFacts(
            self.setup,
            self.instances[address],
            self.tasks[address],
            leaving.mode if leaving.is_requested else None,
            leaving.is_abandoned.is_set(),
            has_failed_user=any(self.ready.has_failed(user) for user in users),
            may_be_needed=is_service and self.may_be_needed(address),
        )

    def do(self, effects: Effects) -> None:
        """Keep effects for the loop, which carries them out."""
        if effects is not NO_EFFECTS:
            for command in effects.commands:
                self.awaited += command.is_awaited
                self.superseding += isinstance(command, StopLaunches) and command.purpose is StopPurpose.SUPERSEDED
            self._effects.append(effects)

    def take_effects(self) -> Effects:
        """What the loop has to carry out now: records first, then commands, then reports."""
        effects, self._effects = self._effects, []
        return Effects(
            tuple(event for one in effects for event in one.events),
            tuple(command for one in effects for command in one.commands),
            tuple(self._redacted(event) for one in effects for event in one.reports),
        )

    @property
    def has_effects(self) -> bool:
        return bool(self._effects)

    def _redacted(self, event: EngineEvent) -> EngineEvent:
        redact = self.setup.evaluator.secrets.redact
        return replace(event, message=redact(event.message)) if isinstance(event, Noticed) else event

    def notice(self, address: str, message: str) -> None:
        self.do(notice(address, message))

    def end(self, ended: TaskEnded) -> None:
        """Give a task its outcome; the last one of an address counts."""
        self._reading_log.discard(ended.address)
        redact = self.setup.evaluator.secrets.redact
        shown = replace(ended, summary=redact(ended.summary), log_tail=tuple(map(redact, ended.log_tail)))
        self.outcomes[ended.address] = shown
        self.do(report(shown))

    def end_with_log(self, ended: TaskEnded) -> None:
        """Give a task its outcome, with the last lines of its launch's log where it had one."""
        if ended.task_id is None:
            self.end(ended)
        else:
            self._reading_log.add(ended.address)
            self.do(submit(ReadLog(ended)))

    def ended(self, attempt: Attempt, outcome: Outcome, summary: str, now: float) -> TaskEnded:
        link = self.setup.server.link(attempt.task_id) if attempt.task_id is not None else ""
        seconds = now - attempt.began
        return TaskEnded(attempt.address, outcome, attempt.task_id, summary, seconds, link=link)

    def show(self, address: str, task_id: int | None, results: Json) -> None:
        """Let tasks downstream see a launch and its results."""
        instance, evaluator = self.instances[address], self.setup.evaluator
        view = TaskView(address, task_id, evaluator.recorded(results))
        evaluator.tasks.put(instance.task.name, instance.key, view)

    @property
    def has_room(self) -> bool:
        """Whether another launch may begin; calls do not count as launches."""
        if self.interrupt_state.is_requested or self.deferred or self.is_planning:
            return False
        return len(self._starting_tasks) < self.setup.pace.parallelism

    def is_running(self) -> bool:
        """Whether something will end by itself; a service that is up will not."""
        is_active = len(self.states) > len(self.services_up)
        return bool(is_active or self.awaited or self.deferred or self.ready.retries)

    @property
    def is_stopping_services(self) -> bool:
        """Whether the stop of a service is on its way."""
        states = (self.states.get(service) for service in self.services)
        return self.superseding > 0 or any(
            isinstance(state, Stopping) and state.purpose.survives_interrupt for state in states
        )

    @property
    def services_up(self) -> list[str]:
        """Services that are up, or are being stopped after they were."""
        return [one for one in self.services if one in self.states and _was_up(self.states[one])]

    @property
    def fails_fast(self) -> bool:
        """Whether the first failure ends the run."""
        asked = self.setup.pace.fail_fast
        return self.setup.evaluator.spec.fail_fast if asked is None else asked

    def is_ended_for(self, address: str) -> bool:
        """Whether a failure has ended the run for a task that has not begun."""
        return bool(self.ended_by) and self.instances[address].task.run_on is RunOn.SUCCESS

    def is_used(self, service: str) -> bool:
        """Whether a user has still to end; once the run is ending, only those that run count."""
        if self.interrupt_state.is_requested:
            return any(user in self.states or self._runs_in_other_task(user) for user in self.services[service])
        waiting = self._open_users[service]
        while waiting and waiting[-1] in self.outcomes:
            waiting.pop()
        return bool(waiting)

    def may_be_needed(self, service: str) -> bool:
        """Whether a user has still to end; a service that is kept, or was asked for by name, needs none."""
        rule = self.instances[service].task.service
        return self.is_used(service) or (rule is not None and rule.keep) or not self.services[service]

    def _runs_in_other_task(self, user: str) -> bool:
        """Whether a launch of an earlier run goes on after this one, which has not attached to it yet."""
        planned = self.tasks[user]
        if self.interrupt_state.mode is not OnInterrupt.DETACH or planned.action is not Action.ATTACH:
            return False
        is_running = planned.observed is not None and not planned.observed.is_terminal
        return is_running and user not in self.outcomes

    def service_failure(self, user: str) -> str:
        """Why a task cannot begin: a service it needs has died. Empty while all is well."""
        return next((why for service, why in self.failed_services.items() if user in self.services[service]), "")


def watched_launch(state: TaskState | None) -> WatchedLaunch | None:
    """The launch that is polled in a state."""
    return state.launch if isinstance(state, Running | StartingService | RunningService | Stopping) else None


def _was_up(state: TaskState) -> bool:
    """Whether a service is up, or is being stopped after it was."""
    if isinstance(state, RunningService):
        return True
    return isinstance(state, Stopping) and state.purpose in (StopPurpose.UNUSED, StopPurpose.SERVICE_OVERDUE)
