"""The actions for services. Pure.

A service is up while a task that needs it acts, or because its author writes `keep`. So its action is known only
after the actions of everything downstream.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace

from taskspec.graph import TaskGraph
from taskspec.plan.decide import Decision, Situation, rerun_for_change
from taskspec.plan.model import Action, Observed, PlannedTask, Reason
from taskspec.specfile.fields.kinds import ServiceRule
from taskspec.specfile.model import Rerun, TaskDecl
from taskspec.state.model import Phase, Record
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.task_views import TaskView, unknown_view
from taskspec.values import Json, ServiceId

LEAVING = "terminating"
SHOWN_USERS = 3


def is_usable(record: Record | None, observed: Observed | None) -> bool:
    """Whether a launch of the service is there to be used; one that is being stopped is not."""
    if record is None or observed is None or record.phase is Phase.REFUSED:
        return False
    return not observed.is_terminal and observed.status != LEAVING


def decide_service(now: Situation) -> Decision:
    """What a service needs if it is wanted; `decide_services` says whether it is."""
    if now.record is None or now.observed is None or not is_usable(now.record, now.observed):
        return Decision(Action.START, Reason.SERVICE_NEEDED)
    where = f"launch {now.observed.task_id} is {now.observed.status}"
    if now.requested:
        return Decision(Action.RERUN, Reason.REQUESTED, f"{where} until the new one is up")
    change = rerun_for_change(now) if now.rerun is not Rerun.NEVER else None
    if change is not None:
        return replace(change, detail=change.detail or f"{where} until the new one is up")
    return Decision(Action.ATTACH, Reason.STILL_RUNNING, where)


def view_of(instance: Instance, record: Record | None, planned: PlannedTask | None) -> TaskView:
    """A service as its users see it: the same id, as far as identity goes, whichever launch it is.

    Its results are those of the last time it was up. `decide_services` withdraws them where it is launched again.
    """
    unknown = unknown_view(instance.address, instance.task.results)
    fingerprint = planned.fingerprint if planned is not None else record.fingerprint if record is not None else None
    if fingerprint is None:
        return unknown
    attached = planned is not None and planned.action is Action.ATTACH and planned.observed is not None
    task_id = planned.observed.task_id if attached and planned is not None and planned.observed is not None else None
    is_same = record is not None and record.fingerprint == fingerprint
    known: Mapping[str, Json] = record.results if record is not None and is_same else {}
    return TaskView(instance.address, ServiceId(task_id, instance.address, fingerprint), {**unknown.results, **known})


def relaunched_view(instance: Instance, planned: PlannedTask) -> TaskView | None:
    """The view of a service that is launched in this plan; None where it does not change."""
    if not planned.action.launches or not instance.task.results or planned.fingerprint is None:
        return None
    view = unknown_view(instance.address, instance.task.results)
    return TaskView(instance.address, ServiceId(None, instance.address, planned.fingerprint), view.results)


def users(graph: TaskGraph, node: int) -> Iterator[int]:
    """The instances that need a service directly, seen through joins."""
    seen: set[int] = set()
    stack = list(graph.successors[node])
    while stack:
        after = stack.pop()
        if after in seen:
            continue
        seen.add(after)
        if graph.is_join(after):
            stack.extend(graph.successors[after])
        else:
            yield after


def decide_services(
    graph: TaskGraph,
    instances: tuple[Instance, ...],
    planned: dict[int, PlannedTask],
    requested: set[int],
    decided: Container[str] = (),
) -> list[int]:
    """Decide for every planned service whether it is wanted, the last one in the order first. Returns their nodes.

    Those at addresses in `decided` are left as they are, and so is what stands for instances that are not known.
    """
    services = [
        node
        for node, task in planned.items()
        if instances[node].task.service is not None and not task.is_folded and task.address not in decided
    ]
    for node in reversed(services):
        task = planned[node]
        acting = [
            planned[user].address
            for user in sorted(users(graph, node))
            if user in planned and _uses_service(planned[user], instances[user].task)
        ]
        rule = instances[node].task.service
        if rule is not None:
            planned[node] = _settled(task, rule, acting, is_requested=node in requested)
    return services


def _uses_service(planned: PlannedTask, task: TaskDecl) -> bool:
    """Whether a task may use a service in this run; one that has ended unseen does so only if it is tried again."""
    if planned.action is Action.ATTACH and planned.observed is not None and planned.observed.is_terminal:
        return task.retry.attempts > 1
    return planned.action not in (Action.KEEP, Action.PUBLISH, Action.STOP)


def _settled(task: PlannedTask, rule: ServiceRule, acting: list[str], *, is_requested: bool) -> PlannedTask:
    if not acting and not rule.keep and not is_requested:
        return _unwanted(task)
    if task.action is Action.START:
        left = task.previous.replaces if task.previous is not None else ()
        return replace(
            task, detail=f"{_started_for(acting)}; {may_run(left)} until then" if left else _started_for(acting)
        )
    is_up = task.previous is not None and task.previous.is_ready and not task.previous.replaces
    if task.action is Action.ATTACH and not acting and is_up:
        return replace(task, action=Action.KEEP)
    return task


def may_run(replaced: tuple[int, ...]) -> str:
    """The text about launches that a new one was to replace, and whose end is not on record."""
    some = "launch" if len(replaced) == 1 else "launches"
    return f"{some} {', '.join(map(str, replaced))}, to be replaced, may still run"


def _unwanted(task: PlannedTask) -> PlannedTask:
    """Left alone; what still runs of ours was left by a run that did not come to its end, and is stopped."""
    record, observed = task.previous, task.observed
    is_ours = record is not None and not record.reused and record.phase is not Phase.REFUSED
    is_left = observed is not None and not observed.is_terminal
    still = f"launch {observed.task_id} is {observed.status}" if observed is not None and is_left else ""
    is_stopped = (is_ours and is_left) or (record is not None and bool(record.replaces))
    action = Action.STOP if is_stopped else Action.KEEP
    return replace(task, action=action, reason=Reason.SERVICE_NOT_NEEDED, detail=still, changes=())


def _started_for(acting: list[str]) -> str:
    if not acting:
        return "it is to be kept up"
    more = f" and {len(acting) - SHOWN_USERS} more" if len(acting) > SHOWN_USERS else ""
    return f"by {', '.join(acting[:SHOWN_USERS])}{more}"
