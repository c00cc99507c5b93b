"""Rules for the launch of a job: polled until it ends, judged, and published. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from taskspec.api import TaskInfo
from taskspec.engine.events import error_text
from taskspec.engine.launches.verdict import Verdict, judge
from taskspec.engine.protocol.commands import LookUp, StopLaunches
from taskspec.engine.protocol.effects import NO_EFFECTS, notice, record, submit
from taskspec.engine.protocol.messages import LookedUp, Seen, Stopped
from taskspec.engine.protocol.run_facts import RunFacts
from taskspec.engine.protocol.states import (
    Attempt,
    EndedService,
    Failed,
    Running,
    StartingService,
    Stopping,
    StopPurpose,
    Succeeded,
    TaskState,
    WatchedLaunch,
)
from taskspec.engine.rules.launch_rules import Step
from taskspec.engine.rules.output_rules import publish_end
from taskspec.engine.rules.watch_rules import (
    count_missed_poll,
    deadline_verdict,
    in_stage,
    is_of_another,
    mistaken,
    tolerate_failed_poll,
    update_status,
    wait_for_results,
)
from taskspec.engine.server.observe import has_ended
from taskspec.specfile.fields.retries_and_deadlines import Stage
from taskspec.state import event_bodies
from taskspec.state.model import Outcome

JobMessage = Seen | LookedUp | Stopped


def on_job(state: Running | Stopping, message: JobMessage, facts: RunFacts, now: float) -> Step:
    """What a message means for the launch of a job."""
    match message:
        case Seen(info):
            return _seen(state, info, facts, now)
        case LookedUp():
            return _looked_up(state, message, facts, now)
        case Stopped():
            return on_stopped(state, message, facts)
        case _:
            assert_never(message)


def on_stopped(state: TaskState, message: Stopped, facts: RunFacts) -> Step:
    """The launch of a job was stopped, because it was past a deadline or because the run ends."""
    if isinstance(state, Stopping):
        if message.purpose is not state.purpose:
            return state, NO_EFFECTS
        effects = NO_EFFECTS
        if message.error is not None:
            effects = notice(facts.address, f"past its deadline, and not stopped: {error_text(message.error)}")
        step, ended = end_launch(state.attempt, state.verdict, state.info, facts)
        return step, effects + ended
    if message.error is not None and isinstance(state, Running | StartingService):
        summary = f"could not be stopped: {error_text(message.error)}"
        return EndedService(state.attempt, Outcome.RUNNING, summary), NO_EFFECTS
    return state, NO_EFFECTS  # the next poll shows the end


def end_launch(attempt: Attempt, verdict: Verdict, info: TaskInfo | None, facts: RunFacts) -> Step:
    """Put the end on record and publish. `info` is None where the server has lost the launch."""
    effects = record(event_bodies.ended(facts.address, attempt.key, verdict.outcome, verdict.summary, verdict.results))
    if info is not None:
        effects += publish_end(facts, attempt.key, verdict, info)
    if verdict.outcome is Outcome.SUCCEEDED:
        return Succeeded(attempt, verdict.results), effects
    return Failed(attempt, verdict.summary, verdict.outcome, verdict.kind), effects


def _seen(state: Running | Stopping, info: TaskInfo | None, facts: RunFacts, now: float) -> Step:
    if isinstance(state, Stopping):
        return seen_while_stopping(state, info, facts)
    if info is None:
        launch = count_missed_poll(state.launch)
        if isinstance(launch, Verdict):
            return end_launch(state.attempt, launch, None, facts)
        return replace(state, launch=launch), NO_EFFECTS
    if is_of_another(state.attempt, info, facts):
        return mistaken(state.attempt), NO_EFFECTS
    launch, news = update_status(state.launch, info, facts)
    step, effects = _judged(replace(state, launch=launch) if launch is not state.launch else state, info, facts, now)
    return step, news + effects


def seen_while_stopping(state: Stopping, info: TaskInfo | None, facts: RunFacts) -> Step:
    """The end of the launch is decided: a new status is news, and nothing else."""
    if info is None or state.launch is None or is_of_another(state.attempt, info, facts):
        return state, NO_EFFECTS
    launch, news = update_status(state.launch, info, facts)
    return replace(state, launch=launch), news


def _judged(state: Running, info: TaskInfo, facts: RunFacts, now: float) -> Step:
    launch = state.launch
    if launch.is_asking:
        return state, NO_EFFECTS
    if not has_ended(info):
        launch = in_stage(launch, info, now)
        verdict = deadline_verdict(launch, info, facts, now)
        if verdict is not None:
            return _end_overdue(state, launch, verdict, info, facts)
        return replace(state, launch=launch), NO_EFFECTS
    verdict = judge(facts.setup.evaluator, facts.instance, info, launch.found)
    if verdict.wants:
        asking = replace(launch, is_asking=True)
        return replace(state, launch=asking), submit(LookUp(facts.address, info, verdict.wants))
    patient = wait_for_results(launch, facts, now) if verdict.may_improve else None
    if patient is not None:
        return replace(state, launch=replace(patient, found={})), NO_EFFECTS
    return end_launch(state.attempt, verdict, info, facts)


def _end_overdue(state: Running, launch: WatchedLaunch, verdict: Verdict, info: TaskInfo, facts: RunFacts) -> Step:
    """A launch past its deadline is stopped before it counts as ended, unless it is stopping already."""
    if launch.stage is Stage.STOPPING:
        return end_launch(state.attempt, verdict, info, facts)
    stop = StopLaunches(facts.address, (launch.task_id,), StopPurpose.OVERDUE)
    return Stopping(state.attempt, StopPurpose.OVERDUE, verdict, info, launch), submit(stop)


def _looked_up(state: Running | Stopping, message: LookedUp, facts: RunFacts, now: float) -> Step:
    """The verdict rests on what was looked up; where the server did not answer, the next poll looks again."""
    if not isinstance(state, Running) or state.launch.task_id != message.task_id:
        return state, NO_EFFECTS
    launch = replace(state.launch, is_asking=False)
    if message.error is not None:
        return replace(state, launch=tolerate_failed_poll(state.launch, message.error, facts, now)), NO_EFFECTS
    if message.looked is None:
        return replace(state, launch=launch), NO_EFFECTS
    launch = replace(launch, found={**launch.found, **message.looked.findings})
    return _judged(replace(state, launch=launch), message.looked.info, facts, now)
