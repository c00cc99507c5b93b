"""Rules for the launch of a service: up once it is ready, watched while it is used, stopped after its last user. Pure.

launched ─▶ rising ─▶ up ─▶ stopped │ left up
               │       └──▶ died: later users are skipped
               └──▶ failed, like any launch
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import assert_never

from taskspec.api import LaunchStatus, TaskInfo
from taskspec.engine.events import StatusChanged, error_text
from taskspec.engine.interrupt import OnInterrupt
from taskspec.engine.launches.verdict import Verdict, judge_ended_service, judge_ready
from taskspec.engine.protocol.commands import LookUp, Probe, StopLaunches
from taskspec.engine.protocol.effects import NO_EFFECTS, Effects, record, report, submit
from taskspec.engine.protocol.messages import LookedUp, Probed, Seen, Stopped
from taskspec.engine.protocol.run_facts import RunFacts
from taskspec.engine.protocol.states import (
    Attempt,
    Downstream,
    EndedService,
    Kept,
    RunningService,
    StartingService,
    Stopping,
    StopPurpose,
)
from taskspec.engine.rules.job_rules import end_launch, on_stopped, seen_while_stopping
from taskspec.engine.rules.launch_rules import Step, attach, begin_launch
from taskspec.engine.rules.output_rules import publish_end
from taskspec.engine.rules.watch_rules import (
    count_missed_poll,
    deadline_verdict,
    in_stage,
    is_of_another,
    may_answer,
    mistaken,
    tolerate_failed_poll,
    update_status,
    wait_for_results,
)
from taskspec.engine.server.observe import has_ended
from taskspec.plan.model import Action, Planned
from taskspec.specfile.fields.kinds import ServiceRule
from taskspec.specfile.fields.retries_and_deadlines import Stage
from taskspec.state import event_bodies
from taskspec.state.model import Event, Outcome, Record

AFTER_LAST_USER = "stopped after its last user"
NEVER_READY = "stopped before it was ready: no task needs it any more"
LEFT_OVER = "stopped: no task needs it"
LEFT_UP = "up, and left up"
ServiceState = StartingService | RunningService | Stopping
ServiceMessage = Seen | LookedUp | Probed | Stopped


def begin_service(facts: RunFacts, now: float) -> Step:
    """The turn of a service has come."""
    planned = facts.planned
    is_unwanted = planned.action is Action.STOP or not facts.may_be_needed
    if planned.action is not Action.KEEP and is_unwanted:
        return _clear(facts, now)
    match planned.action:
        case Action.KEEP:
            return Kept(Attempt(facts.address, now)), NO_EFFECTS
        case Action.ATTACH:
            return attach(facts, now)
        case _:
            return begin_launch(facts, now)


def on_service(state: ServiceState, message: ServiceMessage, facts: RunFacts, now: float) -> Step:
    """What a message means for the launch of a service."""
    match message:
        case Seen(info):
            return _seen(state, info, facts, now)
        case Probed():
            return _probed(state, message, facts, now)
        case LookedUp():
            return _looked_up(state, message, facts, now)
        case Stopped():
            return _stopped(state, message, facts)
        case _:
            assert_never(message)


def on_unused(state: ServiceState, facts: RunFacts) -> Step:
    """No task uses the service now: one that is up ends, one that is rising ends if nothing will need it."""
    rule = _rule(facts)
    if isinstance(state, RunningService):
        if rule.keep or state.attempt.reused:
            why = "reused" if state.attempt.reused else "keep"
            return EndedService(state.attempt, Outcome.SUCCEEDED, f"{LEFT_UP} ({why})"), NO_EFFECTS
        return _stop(state, StopPurpose.UNUSED, state.verdict)
    if not isinstance(state, StartingService) or (facts.may_be_needed and facts.interrupt is None):
        return state, NO_EFFECTS
    if rule.keep and facts.interrupt is not OnInterrupt.STOP:
        return state, NO_EFFECTS
    verdict = Verdict(Outcome.STOPPED, NEVER_READY)
    if state.attempt.reused:
        return EndedService(state.attempt, Outcome.SKIPPED, NEVER_READY, Downstream.MAY_BEGIN), NO_EFFECTS
    return _stop(state, StopPurpose.NEVER_READY, verdict)


def probe(state: StartingService, facts: RunFacts) -> Step:
    """After a poll: ask the app whether the service is up."""
    launch = state.launch
    if launch.is_asking or facts.is_detaching or not may_answer(launch):
        return state, NO_EFFECTS
    asking = replace(state, launch=replace(launch, is_asking=True))
    return asking, submit(Probe(facts.address, launch.task_id, _rule(facts).ready))


def supersede(address: str, key: str, replaced: tuple[int, ...]) -> Effects:
    """Stop the launches that a new one replaces."""
    return submit(*(StopLaunches(address, (old,), StopPurpose.SUPERSEDED, key) for old in replaced))


def launches_left(planned: Planned) -> Iterator[int]:
    """Launches of ours that an earlier run left and that may still run."""
    observed, previous = planned.observed, planned.previous
    if previous is None:
        return
    if observed is not None and not observed.is_terminal and not previous.reused:
        yield observed.task_id
    yield from previous.replaces


def stopped_events(planned: Planned, summary: str) -> Iterator[Event]:
    """What is recorded once all that an unwanted task had running is stopped. An end that is on record stays."""
    previous, observed = planned.previous, planned.observed
    if previous is None:
        return
    yield from _retired(previous)
    if observed is not None and not observed.is_terminal:
        yield event_bodies.ended(previous.address, previous.key, Outcome.STOPPED, summary, {})


def _clear(facts: RunFacts, now: float) -> Step:
    """Stop what an earlier run left of a service that is not launched now."""
    left = tuple(launches_left(facts.planned))
    if not left:
        return Kept(Attempt(facts.address, now)), NO_EFFECTS
    key = facts.planned.previous.key if facts.planned.previous is not None else ""
    attempt = Attempt(facts.address, now, key, task_id=left[0])
    stopping = Stopping(attempt, StopPurpose.LEFT_OVER, Verdict(Outcome.SUCCEEDED, LEFT_OVER))
    return stopping, submit(StopLaunches(facts.address, left, StopPurpose.LEFT_OVER))


def _seen(state: ServiceState, info: TaskInfo | None, facts: RunFacts, now: float) -> Step:
    if isinstance(state, Stopping):
        return seen_while_stopping(state, info, facts)
    if info is None:
        launch = count_missed_poll(state.launch)
        if isinstance(launch, Verdict):
            return _ended(state, launch, None, facts)
        return replace(state, launch=launch), NO_EFFECTS
    if is_of_another(state.attempt, info, facts):
        lost = mistaken(state.attempt)
        if isinstance(state, StartingService):
            return lost, NO_EFFECTS
        return EndedService(state.attempt, Outcome.FAILED, lost.summary, Downstream.LOST), NO_EFFECTS
    launch, news = update_status(state.launch, info, facts)
    if has_ended(info):
        verdict = judge_ended_service(info, was_up=isinstance(state, RunningService))
        step, effects = _ended(state, verdict, info, facts)
        return step, news + effects
    launch = in_stage(launch, info, now, is_rising=isinstance(state, StartingService))
    verdict_ = deadline_verdict(launch, info, facts, now)
    state = replace(state, launch=launch)
    if verdict_ is None:
        return state, news
    step, effects = _end_overdue(state, verdict_, info, facts)
    return step, news + effects


def _ended(state: StartingService | RunningService, verdict: Verdict, info: TaskInfo | None, facts: RunFacts) -> Step:
    if isinstance(state, RunningService):
        return _died(state.attempt, state.verdict, verdict, info, facts)
    return end_launch(state.attempt, verdict, info, facts)


def _end_overdue(state: StartingService | RunningService, verdict: Verdict, info: TaskInfo, facts: RunFacts) -> Step:
    """Stop a service that is past a deadline; one that another user started is only left."""
    if state.attempt.reused or state.launch.stage is Stage.STOPPING:
        return _ended(state, verdict, info, facts)
    purpose = StopPurpose.SERVICE_OVERDUE if isinstance(state, RunningService) else StopPurpose.OVERDUE
    results = state.verdict.results if isinstance(state, RunningService) else verdict.results
    return _stop(state, purpose, replace(verdict, results=results), info)


def _stop(
    state: StartingService | RunningService, purpose: StopPurpose, verdict: Verdict, info: TaskInfo | None = None
) -> Step:
    stop = StopLaunches(state.attempt.address, (state.launch.task_id,), purpose)
    watched = state.launch if info is not None else None
    return Stopping(state.attempt, purpose, verdict, info, watched), submit(stop)


def _probed(state: ServiceState, message: Probed, facts: RunFacts, now: float) -> Step:
    if not isinstance(state, StartingService) or state.launch.task_id != message.task_id:
        return state, NO_EFFECTS
    if message.error is not None:
        raise message.error
    answered = replace(state, launch=replace(state.launch, is_asking=False))
    return (answered, NO_EFFECTS) if message.info is None else _judge_ready(answered, message.info, facts, now)


def _looked_up(state: ServiceState, message: LookedUp, facts: RunFacts, now: float) -> Step:
    if not isinstance(state, StartingService) or state.launch.task_id != message.task_id:
        return state, NO_EFFECTS
    if message.error is not None:
        return replace(state, launch=tolerate_failed_poll(state.launch, message.error, facts, now)), NO_EFFECTS
    launch = replace(state.launch, is_asking=False)
    if message.looked is None:
        return replace(state, launch=launch), NO_EFFECTS
    launch = replace(launch, found={**launch.found, **message.looked.findings})
    return _judge_ready(replace(state, launch=launch), message.looked.info, facts, now)


def _judge_ready(state: StartingService, info: TaskInfo, facts: RunFacts, now: float) -> Step:
    """The service answers that it is up: it is, once what it promises is there."""
    verdict = judge_ready(facts.setup.evaluator, facts.instance, info, state.launch.found)
    if verdict.wants:
        asking = replace(state, launch=replace(state.launch, is_asking=True))
        return asking, submit(LookUp(facts.address, info, verdict.wants))
    if verdict.outcome is Outcome.SUCCEEDED:
        return _up(state, verdict, info, facts)
    patient = wait_for_results(state.launch, facts, now) if verdict.may_improve else None
    if patient is not None:
        return replace(state, launch=replace(patient, found={})), NO_EFFECTS
    if state.attempt.reused:
        return end_launch(state.attempt, verdict, info, facts)
    return _stop(state, StopPurpose.OVERDUE, verdict, info)


def _up(state: StartingService, verdict: Verdict, info: TaskInfo, facts: RunFacts) -> Step:
    attempt = state.attempt
    effects = record(event_bodies.ready(facts.address, attempt.key, verdict.results))
    effects += report(StatusChanged(facts.address, info.id, "ready"))
    effects += publish_end(facts, attempt.key, verdict, info)
    effects += supersede(facts.address, attempt.key, attempt.replaces)
    return RunningService(replace(attempt, replaces=()), state.launch, verdict), effects


def _died(attempt: Attempt, up: Verdict, verdict: Verdict, info: TaskInfo | None, facts: RunFacts) -> Step:
    """The service ended while tasks were still to use it: those that run go on, later ones are skipped."""
    effects = record(event_bodies.ended(facts.address, attempt.key, verdict.outcome, verdict.summary, up.results))
    if info is not None:
        effects += publish_end(facts, attempt.key, verdict, info)
    return EndedService(attempt, verdict.outcome, verdict.summary, Downstream.LOST, with_log=True), effects


def _stopped(state: ServiceState, message: Stopped, facts: RunFacts) -> Step:
    """The launch of a service was stopped, could not be, or turns out to have ended before."""
    if not isinstance(state, Stopping) or message.purpose is not state.purpose:
        return on_stopped(state, message, facts)
    attempt, verdict, info, previous = state.attempt, state.verdict, message.info, facts.planned.previous
    match state.purpose:
        case StopPurpose.SERVICE_OVERDUE:
            return _died(attempt, verdict, verdict, state.info, facts)
        case StopPurpose.UNUSED if info is not None and info.status is LaunchStatus.ERROR and facts.has_failed_user:
            # It died before it was stopped, and has taken a user with it.
            return _died(attempt, verdict, judge_ended_service(info, was_up=True), info, facts)
        case StopPurpose.UNUSED:
            end = EndedService(attempt, Outcome.SUCCEEDED, AFTER_LAST_USER)
            events = [event_bodies.ended(facts.address, attempt.key, end.outcome, end.summary, verdict.results)]
        case StopPurpose.NEVER_READY:
            end = EndedService(attempt, Outcome.SKIPPED, NEVER_READY, Downstream.MAY_BEGIN)
            events = [event_bodies.ended(facts.address, attempt.key, Outcome.STOPPED, NEVER_READY, {})]
        case StopPurpose.LEFT_OVER if previous is not None:
            end = EndedService(attempt, Outcome.SUCCEEDED, LEFT_OVER, Downstream.MAY_BEGIN)
            events = list(_cleared(previous, attempt.task_id))
        case _:
            return on_stopped(state, message, facts)
    if message.error is not None:
        summary = f"could not be stopped: {error_text(message.error)}; the next apply tries again"
        return EndedService(attempt, Outcome.RUNNING, summary, end.downstream, is_unstopped=True), NO_EFFECTS
    return end, record(*events)


def _cleared(previous: Record, task_id: int | None) -> Iterator[Event]:
    """What is recorded once everything that was left of a service is stopped."""
    if previous.task_id is None and task_id is not None and task_id not in previous.replaces:
        yield event_bodies.started(previous.address, previous.key, task_id, adopted=True)
    yield from _retired(previous)
    yield event_bodies.ended(previous.address, previous.key, Outcome.STOPPED, LEFT_OVER, dict(previous.results))


def _retired(previous: Record) -> Iterator[Event]:
    for old in previous.replaces:
        yield event_bodies.retired(previous.address, previous.key, old)


def _rule(facts: RunFacts) -> ServiceRule:
    if facts.task.service is None:
        raise AssertionError("only services come here")
    return facts.task.service
