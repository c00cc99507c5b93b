"""What the end of a task means for the others: recorded, passed on downstream, or tried again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from taskspec.engine.events import SkipReason, TaskEnded
from taskspec.engine.launches.prepare import replaced_by
from taskspec.engine.protocol.states import (
    Attempt,
    Downstream,
    Dropped,
    End,
    EndedService,
    Failed,
    Kept,
    Pending,
    RunningService,
    Succeeded,
)
from taskspec.engine.rules.service_rules import supersede
from taskspec.engine.run.state import RunState
from taskspec.engine.schedule.ready import Skip
from taskspec.engine.schedule.retries import PendingRetry, pause
from taskspec.plan.conditions import explain
from taskspec.plan.model import Action, Reason
from taskspec.specfile.fields.kinds import PartialRule
from taskspec.specfile.fields.retries_and_deadlines import RetryMode
from taskspec.state.model import Outcome
from taskspec.template.expressions.absent_views import AbsentView
from taskspec.values import ServiceId

NOTHING_FAILED = "nothing that it needs has failed"


def finish(run: RunState, end: End, now: float) -> None:
    """A task has come to an end."""
    attempt = end.attempt
    address = attempt.address
    run.drop(address)
    match end:
        case Succeeded(attempt, results):
            run.show(address, attempt.task_id, results)
            run.end(run.ended(attempt, Outcome.SUCCEEDED, run.remarks.get(address, ""), now))
            record_skips(run, run.ready.succeed(address))
        case Failed():
            fail(run, end, now)
        case Kept():
            _keep(run, address)
        case EndedService():
            _judge_ended_service(run, end, now)
        case Pending(attempt, summary):
            run.end(run.ended(attempt, Outcome.PENDING, summary, now))
            for below, _ in run.ready.hold(address):
                waits = f'waits for "{address}"'
                run.end(TaskEnded(below, Outcome.PENDING, summary=waits, because_of=address))
        case Dropped(_, retry):
            if retry is not None:
                run.ready.retries.add(retry)
        case _:
            assert_never(end)


def service_is_up(run: RunState, up: RunningService) -> None:
    """A service is ready: the tasks that use it may begin."""
    attempt = up.attempt
    service = ServiceId(up.launch.task_id, attempt.address, attempt.fingerprint)
    run.show(attempt.address, service, up.verdict.results)
    record_skips(run, run.ready.succeed(attempt.address))


def fail(run: RunState, failed: Failed, now: float) -> None:
    """The task is tried again where its rule says so, else everything that needs it is skipped."""
    attempt, address = failed.attempt, failed.attempt.address
    task = run.instances[address].task
    is_last = run.interrupt_state.is_requested or run.is_ended_for(address)
    wait = None if is_last else pause(task, failed.kind, attempt.tries, attempt.key)
    ended = run.ended(attempt, failed.outcome, failed.summary, now)
    if wait is None:
        _give_up(run, attempt, ended)
        return
    restart = attempt.task_id if task.retry.how is RetryMode.RESTART else None
    retry = PendingRetry(now + wait, address, attempt.tries, attempt.number, ended, attempt.key, restart)
    run.ready.retries.add(retry)
    tries = f"try {attempt.tries + 1} of {task.retry.attempts} in {wait:.0f} s"
    run.notice(address, f"{failed.summary}; {tries}")


def skip_itself(run: RunState, address: str) -> None:
    """A task whose turn has come is not wanted; what needs it is skipped too."""
    planned = run.tasks[address]
    run.drop(address)
    is_known = planned.action is Action.SKIP
    if is_known and planned.reason is Reason.RUNS_ON_FAILURE:
        _skip(run, address, SkipReason.NOTHING_FAILED, NOTHING_FAILED)
    else:
        condition = planned.detail if is_known else explain(run.setup.evaluator, run.instances[address])
        summary = f"its condition is false: {condition}" if condition else "its condition is false"
        _skip(run, address, SkipReason.CONDITION_FALSE, summary)
    record_skips(run, run.ready.skip(address))


def record_skips(run: RunState, skips: Iterable[Skip], *, what: str = "failed", fail_fast: bool = False) -> None:
    """Give every skipped task its outcome; `what` says how a failed cause ended."""
    for address, cause in skips:
        reason, summary = _why(run, address, cause, what, fail_fast=fail_fast)
        _skip(run, address, reason, summary, cause if cause != address else "")


def return_unstarted(run: RunState, address: str, retry: PendingRetry | None) -> bool:
    """End a task that has had its turn and sent nothing, where a failure has ended the run; whether that was so."""
    if not run.is_ended_for(address):
        return False
    run.drop(address)
    if retry is not None:
        _give_up_try(run, retry)
        return True
    run.ready.take_back(address)
    record_skips(run, run.ready.stop(run.ended_by, [address]), fail_fast=True)
    return True


def note_absent_upstream(run: RunState, address: str) -> None:
    """Tell the user which instances a task goes on without."""
    if run.instances[address].task.partial is not PartialRule.CONTINUE:
        return
    absent = ", ".join(run.ready.absent_upstream(address))
    if absent:
        run.remarks[address] = f"went on without {absent}"
        run.notice(address, f"goes on without {absent}")


def _keep(run: RunState, address: str) -> None:
    previous = run.tasks[address].previous
    is_service = address in run.services
    if previous is not None and not is_service:
        run.show(address, previous.task_id, previous.results)
    if previous is not None or is_service:
        # A kept task is not reported, since the plan shows it.
        task_id = previous.task_id if previous is not None else None
        run.outcomes[address] = TaskEnded(address, Outcome.KEPT, task_id)
    record_skips(run, run.ready.succeed(address))


def _judge_ended_service(run: RunState, end: EndedService, now: float) -> None:
    address = end.attempt.address
    ended = run.ended(end.attempt, end.outcome, end.summary, now)
    if end.is_unstopped:
        run.unstopped.append(address)
    if end.with_log:
        run.end_with_log(ended)
    else:
        run.end(ended)
    match end.downstream:
        case Downstream.NOTHING:
            pass
        case Downstream.MAY_BEGIN:
            record_skips(run, run.ready.succeed(address))
        case Downstream.LOST:
            run.failed_services[address] = f'service "{address}" died: {end.summary}'
            record_skips(run, run.ready.lose(address), what="died")
        case _:
            assert_never(end.downstream)
    _end_replaced(run, address, end.attempt.key, end.attempt.replaces)


def _give_up(run: RunState, attempt: Attempt, ended: TaskEnded) -> None:
    address = attempt.address
    run.end_with_log(ended)
    show_as_absent(run, address, ended.outcome, attempt.task_id)
    what = "failed" if ended.outcome is Outcome.FAILED else f"was {ended.outcome}"
    record_skips(run, run.ready.fail(address), what=what)
    _end_replaced(run, address, attempt.key, attempt.replaces)
    if run.fails_fast and not run.interrupt_state.is_requested:
        _end_run(run, address)


def _end_replaced(run: RunState, address: str, key: str, replaces: tuple[int, ...]) -> None:
    """Stop what a service was to replace, where it will not be up and nothing is to be kept."""
    rule = run.instances[address].task.service
    if rule is not None and not rule.keep:
        run.do(supersede(address, key, replaces))


def _end_run(run: RunState, cause: str) -> None:
    """The first failure of a run that fails fast: nothing new begins but what runs on failure or always."""
    if run.ended_by:
        return
    run.ended_by = cause
    launching = [address for address, task in run.tasks.items() if task.action.launches]
    record_skips(run, run.ready.stop(cause, launching), fail_fast=True)
    for retry in run.ready.forget_tries(run.is_ended_for):
        _give_up_try(run, retry)


def _give_up_try(run: RunState, retry: PendingRetry) -> None:
    summary = f'{retry.ended.summary}; not tried again: "{run.ended_by}" failed, and the run fails fast'
    run.end_with_log(replace(retry.ended, summary=summary))
    show_as_absent(run, retry.address, retry.ended.outcome, retry.ended.task_id)
    record_skips(run, run.ready.fail(retry.address))
    _end_replaced(run, retry.address, retry.key, replaced_by(run.tasks[retry.address]))


def show_as_absent(run: RunState, address: str, outcome: Outcome, task_id: int | None) -> None:
    """Let tasks downstream see that there are no results; what the plan has shown of a kept task stays."""
    planned = run.tasks[address]
    if planned.action in (Action.KEEP, Action.PUBLISH) and not planned.condition:
        return
    instance = run.instances[address]
    view = AbsentView(address, str(outcome), task_id)
    run.setup.evaluator.tasks.put(instance.task.name, instance.key, view)


def _why(run: RunState, address: str, cause: str, what: str, *, fail_fast: bool) -> tuple[SkipReason, str]:
    if cause == address:
        return SkipReason.NOTHING_FAILED, NOTHING_FAILED
    if fail_fast:
        return SkipReason.FAIL_FAST, f'not begun: "{cause}" failed, and the run fails fast'
    if run.ready.has_failed(cause):
        return SkipReason.UPSTREAM_FAILED, f'needs "{cause}", which {what}'
    skipped = run.outcomes.get(cause)
    reason = skipped.skip if skipped is not None else None
    return reason or SkipReason.UPSTREAM_FAILED, f'needs "{cause}", which is skipped'


def _skip(run: RunState, address: str, reason: SkipReason, summary: str, because_of: str = "") -> None:
    show_as_absent(run, address, Outcome.SKIPPED, None)
    run.end(TaskEnded(address, Outcome.SKIPPED, summary=summary, because_of=because_of, skip=reason))
