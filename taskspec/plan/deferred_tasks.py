"""A for_each over a result: one folded line until the result is known, and then its instances. Pure."""

from __future__ import annotations

from collections.abc import Collection

from taskspec.errors import SpecError
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.model import Action, PlannedTask, Reason
from taskspec.plan.request import Facts, Request
from taskspec.specfile.model import CallDecl
from taskspec.state.model import Record, State
from taskspec.template.expansion.for_each import item_limit, item_readers
from taskspec.template.expansion.instances import Expansion, Instance, expand
from taskspec.template.expressions.task_views import TaskView, unknown_view


def expand_deferred(
    evaluator: Evaluator, expansion: Expansion, *, keep_folded: Collection[str] = ()
) -> Expansion | None:
    """The expansion with every for_each unrolled whose result is known by now; None when that is none.

    Raises SpecError for items that cannot be instances, or are too many.
    """
    readers = item_readers(evaluator.spec, evaluator.renderer, evaluator.base, evaluator.units, evaluator.tasks, [])
    wanted = [instance.task for instance in expansion.folded if instance.task.name not in keep_folded]
    if all(readers[task.unit].read(task).is_open for task in wanted):
        return None
    unfolded = expand(
        evaluator.spec,
        expansion.analysis,
        evaluator.renderer,
        evaluator.base,
        units=evaluator.units,
        tasks=evaluator.tasks,
        keep_folded=keep_folded,
    )
    unfolded.declare(evaluator.tasks)
    return unfolded


def plan_deferred(evaluator: Evaluator, node: int, instance: Instance, facts: Facts) -> PlannedTask:
    """The line for instances that are not known. Raises SpecError for what is wrong with every one of them."""
    limit = item_limit(instance.task)
    return PlannedTask(
        address=instance.address,
        action=Action.START,
        reason=Reason.INSTANCES_UNKNOWN,
        detail=f"{' and '.join(instance.awaits)}, at most {limit:,}",
        request=_request(evaluator, instance, facts),
        node=node,
    )


def names_module(instance: Instance) -> bool:
    """Whether there is a module to look up: a call has none, and one that depends on the item has none yet."""
    task = instance.task
    if isinstance(task, CallDecl):
        return False
    written = map(str, (task.module, task.version, task.branch))
    return not instance.is_folded or not any("each" in text and "{{" in text for text in written)


def _request(evaluator: Evaluator, instance: Instance, facts: Facts) -> Request | None:
    return evaluator.request(instance, facts) if names_module(instance) else None


def expand_from_record(evaluator: Evaluator, expansion: Expansion, state: State) -> tuple[Expansion, Evaluator]:
    """The instances as far as past launches tell, and an evaluator that sees what the last launch of each gave.

    Items that cannot be instances stay folded here: a plan is the place to say what is wrong with them.
    """
    latest, evaluator = expansion, evaluator.starting_from(evaluator.views)
    while True:
        for instance in latest.instances:
            if not instance.is_folded:
                view = _last_view(instance, state.records.get(instance.address))
                evaluator.tasks.put(instance.task.name, instance.key, view)
        try:
            further = expand_deferred(evaluator, latest) if latest.has_folded else None
        except SpecError:
            return latest, evaluator
        if further is None:
            return latest, evaluator
        latest = further


def addresses_in_spec(evaluator: Evaluator, expansion: Expansion, state: State) -> set[str]:
    """Every address the spec has now; where its instances are not known, those on record may be of them."""
    if not expansion.has_folded:
        return {instance.address for instance in expansion.instances}
    latest, _ = expand_from_record(evaluator, expansion, state)
    may_be = tuple(f"{instance.task.name}[" for instance in latest.folded)
    return {i.address for i in latest.instances} | {a for a in state.records if may_be and a.startswith(may_be)}


def _last_view(instance: Instance, record: Record | None) -> TaskView:
    if record is not None and record.succeeded:
        return TaskView(instance.address, record.task_id, record.results)
    return unknown_view(instance.address, instance.task.results)
