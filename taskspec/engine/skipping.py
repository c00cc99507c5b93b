"""Tasks that do not run: because their condition is false, nothing failed, or something did. Told, and seen below."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from taskspec.engine.events import SkipReason, TaskEnded
from taskspec.engine.frontier import Rule, Skip, rule_of
from taskspec.engine.progress import Progress
from taskspec.engine.retries import Again
from taskspec.plan.conditions import explain
from taskspec.plan.model import Action, Plan, PlannedTask, Reason
from taskspec.spec.kinds import Partial, RunOn
from taskspec.state.model import Outcome
from taskspec.template.absent import AbsentView

NOTHING_FAILED = "nothing that it needs has failed"


def rules_of(plan: Plan) -> dict[int, Rule]:
    """The rules of tasks that do not simply need the success of all. What runs already is awaited in any case."""
    graph, instances = plan.expansion.graph, plan.expansion.instances
    rules: dict[int, Rule] = {}
    for planned in plan.tasks:
        task = instances[planned.node].task
        if task.run_on is not RunOn.SUCCESS or task.partial is not Partial.FAIL:
            is_soft = planned.action is Action.ATTACH and task.run_on is RunOn.FAILURE
            run_on = RunOn.ALWAYS if is_soft else task.run_on
            rules[planned.node] = rule_of(graph, planned.node, run_on, lambda one: instances[one].task.name)
    return rules


def tell(progress: Progress, skips: Iterable[Skip], *, what: str = "failed", fail_fast: bool = False) -> None:
    """Give every node that the frontier has skipped its outcome; `what` has become of a failed cause."""
    for node, cause in skips:
        reason, summary = _why(progress, node, cause, what, fail_fast=fail_fast)
        because_of = progress.tasks[cause].address if cause != node else ""
        _end(progress, node, reason, summary, because_of)


def skip_itself(progress: Progress, node: int, planned: PlannedTask) -> None:
    """A task whose turn has come and that is not wanted; what needs it is skipped too."""
    progress.admission.release(node)
    nothing_failed = planned.reason is Reason.RUNS_ON_FAILURE and planned.action is Action.SKIP
    if nothing_failed:
        _end(progress, node, SkipReason.NOTHING_FAILED, NOTHING_FAILED)
    else:
        is_known = planned.action is Action.SKIP
        words = planned.detail if is_known else explain(progress.tools.evaluator, progress.instance(node))
        summary = f"its condition is false: {words}" if words else "its condition is false"
        _end(progress, node, SkipReason.CONDITION_FALSE, summary)
    tell(progress, progress.frontier.skip(node))


def end_all(progress: Progress, cause: int) -> None:
    """The first failure of a run that is to fail fast: nothing new begins but what runs on failure or always."""
    if progress.is_ending:
        return
    progress.ended_by = progress.tasks[cause].address
    launching = [node for node, task in progress.tasks.items() if task.action.launches]
    tell(progress, progress.frontier.stop(cause, launching), fail_fast=True)
    gives_up = progress.admission.forget_tries(lambda node: progress.instance(node).task.run_on is RunOn.SUCCESS)
    for again in [*gives_up, *progress.retries.clear()]:
        if progress.instance(again.node).task.run_on is not RunOn.SUCCESS:
            progress.retries.add(again)
            continue
        _give_up_try(progress, again)


def take_back(progress: Progress, node: int, again: Again | None) -> bool:
    """End a task that has had its turn and sent nothing, where a failure has ended the run; whether that was so."""
    if not progress.is_ending or progress.instance(node).task.run_on is not RunOn.SUCCESS:
        return False
    progress.close(node)
    if again is not None:
        _give_up_try(progress, again)
        return True
    cause = next(one for one, task in progress.tasks.items() if task.address == progress.ended_by)
    progress.frontier.take_back(node)
    tell(progress, progress.frontier.stop(cause, [node]), fail_fast=True)
    return True


def _give_up_try(progress: Progress, again: Again) -> None:
    summary = f'{again.ended.summary}; not tried again: "{progress.ended_by}" failed, and the run fails fast'
    progress.end_with_log(replace(again.ended, summary=summary))
    hide(progress, again.node, again.ended.outcome, again.ended.task_id)
    tell(progress, progress.frontier.fail(again.node))


def left_out(progress: Progress, node: int) -> str:
    """What a task goes on without, for people; nothing for a task that needs every instance."""
    if progress.instance(node).task.partial is not Partial.CONTINUE:
        return ""
    absent = [one for one in progress.plan.expansion.graph.upstream(node) if not progress.frontier.succeeded(one)]
    return ", ".join(progress.instance(one).address for one in absent)


def hide(progress: Progress, node: int, outcome: Outcome, task_id: int | None) -> None:
    """Let tasks further down see that there are no results; what the plan has shown of a kept task stays."""
    planned = progress.tasks[node]
    if planned.action in (Action.KEEP, Action.PUBLISH) and not planned.condition:
        return
    instance = progress.instance(node)
    view = AbsentView(instance.address, str(outcome), task_id)
    progress.tools.evaluator.tasks.put(instance.task.name, instance.key, view)


def _why(progress: Progress, node: int, cause: int, what: str, *, fail_fast: bool) -> tuple[SkipReason, str]:
    address = progress.tasks[cause].address
    if cause == node:
        return SkipReason.NOTHING_FAILED, NOTHING_FAILED
    if fail_fast:
        return SkipReason.FAIL_FAST, f'not begun: "{address}" failed, and the run fails fast'
    if progress.frontier.failed(cause):
        return SkipReason.UPSTREAM_FAILED, f'needs "{address}", which {what}'
    return progress.board.skip_reason(address), f'needs "{address}", which is skipped'


def _end(progress: Progress, node: int, reason: SkipReason, summary: str, because_of: str = "") -> None:
    hide(progress, node, Outcome.SKIPPED, None)
    address = progress.tasks[node].address
    progress.board.end(TaskEnded(address, Outcome.SKIPPED, summary=summary, because_of=because_of, skip=reason))
