"""One stable line for a plan and for a run, in text and in JSON alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from taskspec.engine.events import RunReport
from taskspec.plan.model import Action, Plan, PlannedTask
from taskspec.specfile.model import TaskDecl
from taskspec.state.model import Outcome
from taskspec.template.expansion.for_each import item_limit
from taskspec.view.labels import duration
from taskspec.view.terminal_text import clean

_ORDER = (Action.START, Action.RERUN, Action.ATTACH, Action.PUBLISH, Action.STOP, Action.KEEP, Action.SKIP)


def plan_summary(plan: Plan) -> str:
    """One stable line: `Plan: 2 to start, 1 to keep.`"""
    if not plan.has_changes:
        skipped = f", {plan.counts[Action.SKIP]} to skip" if plan.counts[Action.SKIP] else ""
        return f"Plan: nothing to do, {plan.counts[Action.KEEP]} to keep{skipped}."
    counts = plan.counts
    folded = [task for task in plan.tasks if task.is_folded] if plan.expansion.has_folded else []
    counts[Action.START] -= len(folded)
    for task in plan.tasks:
        counts[task.action] -= task.address in plan.reusable
    known = [f"{counts[action]} to {action}" for action in _ORDER if counts[action]]
    known += [f"{len(plan.reusable)} to reuse"] if plan.reusable else []
    return f"Plan: {', '.join(known) or 'nothing else'}{_at_most(plan, folded)}."


def _at_most(plan: Plan, folded: list[PlannedTask]) -> str:
    """`; at most 20 more once train[*] is known`: the approval covers these instances too."""
    if not folded:
        return ""
    limit = sum(item_limit(plan.expansion.instances[task.node].task) for task in folded)
    names = ", ".join(clean(task.address) for task in folded)
    return f"; at most {limit:,} more once {names} {'is' if len(folded) == 1 else 'are'} known"


def report_summary(report: RunReport) -> str:
    """One stable line: `Applied: 3 succeeded, 1 kept in 4.2s.`"""
    counts = [f"{report.counts[str(o)]} {o}" for o in Outcome if report.counts.get(str(o))]
    counts += [f"{len(report.stopped)} no longer wanted and stopped"] if report.stopped else []
    counts += [f"{len(report.unstopped)} could not be stopped"] if report.unstopped else []
    return f"Applied: {', '.join(counts) or 'nothing'} in {duration(report.seconds)}."


def draw_limits(plan: Plan) -> Iterator[str]:
    """Lines for the head of a plan, if anything is limited."""
    parts = [f"{clean(name)} {size}" for name, size in plan.pools.items()]
    if plan.slots_per_agent is not None:
        parts.append(f"{plan.slots_per_agent} at a time on one agent")
    if parts:
        yield f"Slots: {', '.join(parts)}."
    for task in _limited(plan):
        yield f"  {clean(task.name)}: {', '.join(_of_task(task))}"


def limits_document(plan: Plan) -> dict[str, Any]:
    """The same as JSON, under the key `limits`; empty without limits."""
    tasks = {
        task.name: {"max_parallel": task.max_parallel, "pool": dict(task.pool), "priority": task.priority}
        for task in _limited(plan)
    }
    if not tasks and not plan.pools and plan.slots_per_agent is None:
        return {}
    return {"limits": {"pools": dict(plan.pools), "slots_per_agent": plan.slots_per_agent, "tasks": tasks}}


def _limited(plan: Plan) -> list[TaskDecl]:
    return [t for t in plan.expansion.declarations if t.pool or t.priority or t.max_parallel is not None]


def _of_task(task: TaskDecl) -> Iterator[str]:
    if task.max_parallel is not None:
        yield f"at most {task.max_parallel} at a time"
    for name, count in task.pool.items():
        yield f"takes {count} of {clean(name)}"
    if task.priority:
        yield f"priority {task.priority}"
