"""Takes messages in: each is given to the rule of the task that it is about."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from taskspec.api import TaskInfo
from taskspec.engine.events import error_text
from taskspec.engine.launches.start import Interrupted
from taskspec.engine.launches.verdict import shows_text_of
from taskspec.engine.protocol.effects import record
from taskspec.engine.protocol.messages import (
    Answered,
    CallPrepared,
    DuplicatesStopped,
    FactsFetched,
    KeptOutputsRead,
    LogRead,
    LookedUp,
    NotStarted,
    Polled,
    Probed,
    Published,
    ReportMessage,
    Restarted,
    ReusableFound,
    Seen,
    Started,
    Stopped,
    TaskMessage,
)
from taskspec.engine.protocol.states import (
    NotSent,
    Replacing,
    Running,
    RunningService,
    Starting,
    StartingService,
    Stopping,
    StopPurpose,
)
from taskspec.engine.rules.call_rules import on_call
from taskspec.engine.rules.job_rules import on_job, on_stopped
from taskspec.engine.rules.launch_rules import StartMessage, on_replaced, on_start
from taskspec.engine.rules.output_rules import on_outputs
from taskspec.engine.rules.service_rules import on_service, probe, stopped_events
from taskspec.engine.run.completion import return_unstarted
from taskspec.engine.run.dispatch import Dispatcher
from taskspec.engine.run.state import RunState, watched_launch
from taskspec.engine.server.observe import has_ended
from taskspec.plan.model import Planned, Reason
from taskspec.state import event_bodies


@dataclass(frozen=True, slots=True)
class MessageHandler:
    """Routes the messages of one run, each kind to one place."""

    state: RunState
    dispatcher: Dispatcher

    def handle(self, message: TaskMessage | ReportMessage, now: float) -> None:
        match message:
            case Polled():
                self._polled(message, now)
            case KeptOutputsRead(about) | Published(about):
                self.state.do(on_outputs(message, self.state.facts(about.address)))
            case LogRead(ended, lines):
                self.state.end(replace(ended, log_tail=lines))
            case DuplicatesStopped():
                self._duplicates_stopped(message)
            case FactsFetched():
                self.dispatcher.facts_fetched(message, now)
            case Stopped():
                self._stopped(message, now)
            case ReusableFound() | Started() | NotStarted() | Restarted():
                self._on_start(message, now)
            case LookedUp() | Probed():
                self._on_look(message, now)
            case CallPrepared() | Answered():
                self._on_call(message, now)
            case _:
                assert_never(message)

    def _on_start(self, message: StartMessage, now: float) -> None:
        state = self.state.states.get(message.address)
        if state is None or self._return_unstarted(message.address):
            return
        if isinstance(message, Started) and isinstance(state, Starting):
            self.state.answered_starts.append((state.prepared.order, message.done.task_id))
        self.dispatcher.settle(on_start(state, message, self.state.facts(message.address), now), now)

    def _return_unstarted(self, address: str) -> bool:
        """End a task that has sent nothing yet, where a failure has ended the run; whether that was so."""
        state = self.state.states.get(address)
        return isinstance(state, NotSent) and return_unstarted(self.state, address, state.retry)

    def _on_look(self, message: LookedUp | Probed, now: float) -> None:
        state = self.state.states.get(message.address)
        looked = message.looked.info if isinstance(message, LookedUp) and message.looked is not None else None
        self._learn_token(message.address, message.info if isinstance(message, Probed) else looked)
        if isinstance(message, LookedUp) and isinstance(state, Running):
            self.dispatcher.settle(on_job(state, message, self.state.facts(message.address), now), now)
        elif isinstance(state, StartingService):
            self.dispatcher.settle(on_service(state, message, self.state.facts(message.address), now), now)

    def _on_call(self, message: CallPrepared | Answered, now: float) -> None:
        state = self.state.states.get(message.address)
        if state is not None and not self._return_unstarted(message.address):
            self.dispatcher.settle(on_call(state, message, self.state.facts(message.address), now), now)

    def _polled(self, message: Polled, now: float) -> None:
        run = self.state
        if message.error is not None:
            run.polls.failed(message.error, now)
            return
        is_changed = False
        for address in list(run.watched):
            launch = watched_launch(run.states.get(address))
            if launch is None or launch.task_id not in message.asked:
                continue
            info = message.infos.get(launch.task_id)
            is_changed |= info is not None and info.raw_status != launch.status
            self._seen(address, info, now)
        run.polls.answered(now, changed=is_changed)
        for address in run.services:
            state = run.states.get(address)
            if isinstance(state, StartingService):
                self.dispatcher.settle(probe(state, run.facts(address)), now)

    def _seen(self, address: str, info: TaskInfo | None, now: float) -> None:
        state, facts = self.state.states[address], self.state.facts(address)
        self._learn_token(address, info)
        if facts.task.service is not None and isinstance(state, StartingService | RunningService | Stopping):
            self.dispatcher.settle(on_service(state, Seen(info), facts, now), now)
        elif isinstance(state, Running | Stopping):
            self.dispatcher.settle(on_job(state, Seen(info), facts, now), now)

    def _learn_token(self, address: str, info: TaskInfo | None) -> None:
        """Redact the token of a launch whose text is stored or shown."""
        instance = self.state.instances.get(address)
        if info is None or instance is None:
            return
        if (has_ended(info) or instance.task.service is not None) and shows_text_of(instance, info):
            self.state.setup.evaluator.secrets.know(info.session_token)

    def _stopped(self, message: Stopped, now: float) -> None:
        match message.purpose:
            case StopPurpose.DUPLICATE:
                self._duplicate_stopped(message)
            case StopPurpose.UNWANTED | StopPurpose.CONDITION_FALSE:
                self._unwanted_stopped(message)
            case StopPurpose.SUPERSEDED:
                self._superseded(message)
            case _:
                self._task_stopped(message, now)

    def _task_stopped(self, message: Stopped, now: float) -> None:
        state = self.state.states.get(message.address)
        if state is None or self._return_unstarted(message.address):
            return
        facts = self.state.facts(message.address, of_users=True)
        if isinstance(state, Replacing):
            self.dispatcher.settle(on_replaced(state, message, facts), now)
        elif facts.task.service is not None and isinstance(state, StartingService | RunningService | Stopping):
            self.dispatcher.settle(on_service(state, message, facts, now), now)
        else:
            self.dispatcher.settle(on_stopped(state, message, facts), now)

    def _duplicate_stopped(self, message: Stopped) -> None:
        fate = f"could not be stopped: {error_text(message.error)}" if message.error is not None else "was stopped"
        what = f"started more than once; the later launch {message.task_ids[0]} {fate}"
        self.state.notice(message.address, what)

    def _unwanted_stopped(self, message: Stopped) -> None:
        """A launch that is not wanted any more has been stopped, or could not be."""
        run, address = self.state, message.address
        if message.purpose is StopPurpose.CONDITION_FALSE:
            planned: Planned = run.tasks[address]
        else:
            planned = next(stop for stop in run.plan.stops if stop.address == address)
        if message.error is not None or planned.previous is None:
            run.unstopped.append(address)
            run.notice(address, f"could not be stopped: {error_text(message.error)}")
            return
        why = "no longer in the spec" if planned.reason is Reason.NOT_IN_SPEC else "its condition is false"
        run.do(record(*stopped_events(planned, f"stopped: {why}")))
        run.stopped.append(address)
        run.notice(address, f"stopped: {why}")

    def _superseded(self, message: Stopped) -> None:
        run, address = self.state, message.address
        run.superseding -= 1
        old = message.task_ids[0]
        if message.error is None:
            run.do(record(event_bodies.retired(address, message.key, old)))
            return
        run.unstopped.append(address)
        run.notice(address, f"launch {old}, which it replaces, goes on: {error_text(message.error)}")

    def _duplicates_stopped(self, message: DuplicatesStopped) -> None:
        """The last look is done; a run that ends meanwhile leaves it to the next."""
        if message.error is not None and not isinstance(message.error, Interrupted):
            raise message.error
        for address, what in message.notices:
            self.state.notice(address, what)
