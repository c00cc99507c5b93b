"""Rules for a launch until the server has it: prepared, put on record, sent. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from taskspec.engine.events import LaunchStarted, error_text
from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.launches.prepare import PreparedLaunch, replaced_by
from taskspec.engine.launches.reuse import sought_by
from taskspec.engine.launches.start import Interrupted, NeverSent
from taskspec.engine.protocol.commands import FindReusable, RestartLaunch, StartLaunch, StopLaunches
from taskspec.engine.protocol.effects import NO_EFFECTS, Effects, notice, record, report, submit
from taskspec.engine.protocol.messages import FactsFetched, NotStarted, Restarted, ReusableFound, Started, Stopped
from taskspec.engine.protocol.run_facts import RunFacts
from taskspec.engine.protocol.states import (
    Attempt,
    Dropped,
    End,
    Failed,
    Kept,
    Preparing,
    Replacing,
    Restarting,
    Running,
    Searching,
    Starting,
    StartingService,
    StopPurpose,
    TaskState,
    Unresolved,
    WatchedLaunch,
)
from taskspec.engine.schedule.retries import PendingRetry
from taskspec.errors import LockHeld, NotSent, Refused, TaskspecError
from taskspec.plan.request import LaunchRequest
from taskspec.specfile.fields.retries_and_deadlines import FailureKind
from taskspec.state import event_bodies

Step = tuple[TaskState | End, Effects]
StartMessage = FactsFetched | ReusableFound | Started | NotStarted | Restarted


def begin_launch(facts: RunFacts, now: float, retry: PendingRetry | None = None) -> Step:
    """Start a job or a service whose turn has come, or keep it where its inputs turn out to be unchanged."""
    planned, launching = facts.planned, facts.setup.preparer
    attempt = Attempt(facts.address, now, tries=retry.tries + 1 if retry else 1)
    try:
        request = launching.final_launch(facts.instance, planned)
        previous = planned.previous
        if planned.only_if_changed and previous is not None and previous.fingerprint == request.fingerprint:
            return attach(facts, now) if facts.task.service is not None else (Kept(attempt), NO_EFFECTS)
        preparing = Preparing(attempt, request, retry)
        if launching.is_ready(planned, request, after=preparing.after):
            return _prepared(preparing, facts)
        return preparing, NO_EFFECTS
    except TaskspecError as error:
        return Failed(attempt, error_text(error), kind=FailureKind.INPUTS), NO_EFFECTS


def attach(facts: RunFacts, now: float) -> Step:
    """Watch a launch of an earlier run that still runs."""
    previous, observed = facts.planned.previous, facts.planned.observed
    if previous is None or observed is None:
        raise AssertionError("a plan attaches only to a launch that the server listed")
    is_new = previous.task_id != observed.task_id
    started = event_bodies.started(
        facts.address, previous.key, observed.task_id, adopted=True, twins=observed.duplicates
    )
    attempt = Attempt(
        facts.address,
        now,
        previous.key,
        previous.attempt,
        task_id=observed.task_id,
        fingerprint=previous.fingerprint,
        reused=previous.reused,
        carries_key=previous.carries_key,
        replaces=previous.replaces,
    )
    workspace = facts.setup.server.workspace(previous.inputs.get("workspace"))
    effects = report(LaunchStarted(facts.address, observed.task_id, adopted=True))
    return _running(facts, attempt, workspace), (record(started) if is_new else NO_EFFECTS) + effects


def restart_launch(facts: RunFacts, now: float, retry: PendingRetry, task_id: int) -> Step:
    """Ask the server to run a failed launch again."""
    previous = facts.planned.previous
    is_adopted = previous is not None and previous.task_id == task_id and not previous.carries_key
    attempt = Attempt(facts.address, now, retry.key, retry.attempt, retry.tries + 1, carries_key=not is_adopted)
    return Restarting(attempt, retry), submit(RestartLaunch(facts.address, task_id))


def on_start(state: TaskState, message: StartMessage, facts: RunFacts, now: float) -> Step:
    """What the answer to a start, or to what precedes it, means. An answer that comes too late changes nothing."""
    match message:
        case FactsFetched():
            return _facts_fetched(state, message, facts) if isinstance(state, Preparing) else (state, NO_EFFECTS)
        case ReusableFound():
            return _reusable_found(state, message, facts) if isinstance(state, Searching) else (state, NO_EFFECTS)
        case Started():
            return _started(state, message, facts) if isinstance(state, Starting) else (state, NO_EFFECTS)
        case NotStarted():
            return _not_started(state, message) if isinstance(state, Starting) else (state, NO_EFFECTS)
        case Restarted():
            return _restarted(state, message, facts, now) if isinstance(state, Restarting) else (state, NO_EFFECTS)
        case _:
            assert_never(message)


def on_replaced(state: Replacing, message: Stopped, facts: RunFacts) -> Step:
    """The launch that had to stop first has stopped, or has not."""
    if facts.interrupt is not None or isinstance(message.error, Interrupted):
        return Dropped(state.attempt, state.retry), NO_EFFECTS
    if message.error is not None:
        summary = f"the launch to replace could not be stopped: {error_text(message.error)}"
        return Failed(state.attempt, summary), NO_EFFECTS
    return _send(state.attempt, state.prepared)


def _facts_fetched(state: Preparing, message: FactsFetched, facts: RunFacts) -> Step:
    is_own = message.address == facts.address  # other launches often need the same facts
    try:
        if is_own and message.error is not None:
            raise message.error
        if is_own or facts.setup.preparer.is_ready(facts.planned, state.request, after=state.after):
            return _prepared(state, facts)
        return state, NO_EFFECTS
    except TaskspecError as error:
        return Failed(state.attempt, error_text(error), kind=FailureKind.INPUTS), NO_EFFECTS


def _prepared(state: Preparing, facts: RunFacts) -> Step:
    """Make the intent and the order, and ask for what has to precede the start."""
    planned, request, rule = facts.planned, state.request, facts.task.service
    launching = facts.setup.preparer
    prepared = launching.prepare(planned, request, after=state.after, is_service=rule is not None)
    order = prepared.order
    attempt = replace(state.attempt, key=order.key, number=prepared.attempt, fingerprint=request.fingerprint or "")
    effects = notice(facts.address, prepared.note)
    if rule is not None:
        attempt = replace(attempt, replaces=replaced_by(planned))
        # After a start that was cut off, that launch has to be found before any other.
        if rule.reuse and order.unresolved_for is None and order.unresolved_start is None:
            find = FindReusable(facts.address, order.key, sought_by(order, rule), attempt.replaces)
            return Searching(attempt, prepared, state.retry), effects + submit(find)
    elif planned.replaces_running and planned.observed is not None and state.retry is None:
        stop = StopLaunches(facts.address, (planned.observed.task_id,), StopPurpose.REPLACED)
        return Replacing(attempt, prepared, state.retry), effects + submit(stop)
    starting, sent = _send(attempt, prepared)
    return starting, effects + sent


def _send(attempt: Attempt, prepared: PreparedLaunch) -> Step:
    return Starting(attempt, prepared), record(prepared.intent) + submit(StartLaunch(prepared.order))


def _reusable_found(state: Searching, message: ReusableFound, facts: RunFacts) -> Step:
    """There is a launch to reuse, which taskspec never stops; or there is none, and one is started."""
    if message.error is not None:
        summary = f"cannot look for a service to reuse: {error_text(message.error)}"
        return Failed(state.attempt, summary), NO_EFFECTS
    if facts.interrupt is not None:
        return Dropped(state.attempt, state.retry), NO_EFFECTS
    if message.task_id is None:
        return _send(state.attempt, state.prepared)
    attempt = replace(state.attempt, task_id=message.task_id, reused=True, carries_key=False)
    started = event_bodies.started(facts.address, attempt.key, message.task_id, adopted=True, reused=True)
    effects = record(state.prepared.intent, started)
    effects += report(LaunchStarted(facts.address, message.task_id, adopted=True))
    return _running(facts, attempt, state.prepared.order.workspace), effects


def _started(state: Starting, message: Started, facts: RunFacts) -> Step:
    done = message.done
    attempt = replace(state.attempt, task_id=done.task_id)
    event = event_bodies.started(
        facts.address, attempt.key, done.task_id, adopted=done.adopted, twins=done.duplicates, resent=done.resent
    )
    effects = record(event) + report(LaunchStarted(facts.address, done.task_id, done.adopted))
    if done.duplicates:
        effects += notice(facts.address, f"started more than once; stopped the later launches {list(done.duplicates)}")
    if facts.interrupt is OnInterrupt.STOP:
        stop = StopLaunches(facts.address, (done.task_id,), StopPurpose.INTERRUPT, launch_key=attempt.key)
        effects += submit(stop)
    return _running(facts, attempt, state.prepared.order.workspace), effects


def _not_started(state: Starting, message: NotStarted) -> Step:
    attempt, error = state.attempt, message.error
    if isinstance(error, Refused | NotSent):
        refused = record(event_bodies.refused(attempt.address, attempt.key, error.message))
        return Failed(attempt, error_text(error), kind=FailureKind.REFUSED), refused
    if isinstance(error, LockHeld):
        raise error
    if isinstance(error, NeverSent):
        summary = "the run was interrupted before the start was sent"
        return Dropped(attempt), record(event_bodies.not_sent(attempt.address, attempt.key, summary))
    if isinstance(error, Interrupted):
        return Unresolved(attempt), NO_EFFECTS
    return Failed(attempt, error_text(error), kind=FailureKind.UNKNOWN_START), NO_EFFECTS


def _restarted(state: Restarting, message: Restarted, facts: RunFacts, now: float) -> Step:
    """The launch runs again, or the server cannot do that and a new one is started."""
    if isinstance(message.error, Interrupted) or (message.error is not None and facts.interrupt is not None):
        return Dropped(state.attempt, state.retry), NO_EFFECTS
    if message.error is not None:
        step, effects = begin_launch(facts, now, state.retry)
        why = f"not restarted, so a new launch is started: {error_text(message.error)}"
        return step, notice(facts.address, why) + effects
    attempt = replace(state.attempt, task_id=message.task_id)
    event = event_bodies.started(facts.address, attempt.key, message.task_id, adopted=True, twins=())
    request = facts.planned.request
    workspace = request.workspace if isinstance(request, LaunchRequest) else None
    effects = record(event) + report(LaunchStarted(facts.address, message.task_id, adopted=True))
    return _running(facts, attempt, facts.setup.server.workspace(workspace)), effects


def _running(facts: RunFacts, attempt: Attempt, workspace: int) -> TaskState:
    if attempt.task_id is None:
        raise AssertionError("a launch that runs has an id")
    launch = WatchedLaunch(workspace, attempt.task_id)
    return Running(attempt, launch) if facts.task.service is None else StartingService(attempt, launch)
