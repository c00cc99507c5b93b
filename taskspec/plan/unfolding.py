"""A for_each over a result: folded into one line while the result is to come, unfolded as soon as it is known. Pure."""

from __future__ import annotations

from collections.abc import Collection

from taskspec.plan.evaluate import Evaluator, Facts
from taskspec.plan.model import Action, PlannedTask, Reason
from taskspec.plan.request import LaunchRequest
from taskspec.template.instances import Expansion, Instance, expand
from taskspec.template.items import ItemReader, item_limit

_HEAD = ("module", "version", "branch")


def unfold(evaluator: Evaluator, expansion: Expansion, *, keep_folded: Collection[str] = ()) -> Expansion | None:
    """The expansion with every for_each unrolled whose result is known by now; None when that is none.

    Raises SpecError for items that cannot be instances, or are too many.
    """
    reader = ItemReader(evaluator.spec, evaluator.renderer, evaluator.base, evaluator.tasks)
    wanted = [instance.task for instance in expansion.folded if instance.task.name not in keep_folded]
    if all(reader.read(task).is_open for task in wanted):
        return None
    unfolded = expand(
        evaluator.spec,
        expansion.analysis,
        evaluator.renderer,
        evaluator.base,
        tasks=evaluator.tasks,
        keep_folded=keep_folded,
    )
    unfolded.declare(evaluator.tasks)
    return unfolded


def plan_folded(evaluator: Evaluator, node: int, instance: Instance, facts: Facts) -> PlannedTask:
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
    """Whether the module can be looked up: one that depends on the item cannot while there is none."""
    written = (str(getattr(instance.task, section)) for section in _HEAD)
    return not instance.is_folded or not any("each" in text and "{{" in text for text in written)


def _request(evaluator: Evaluator, instance: Instance, facts: Facts) -> LaunchRequest | None:
    return evaluator.request(instance, facts) if names_module(instance) else None
