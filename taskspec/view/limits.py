"""Draw the limits of parallel work: pools, agents, and instances of one task. Text and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from taskspec.plan.model import Plan
from taskspec.spec.model import TaskDecl
from taskspec.view.paint import clean


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
