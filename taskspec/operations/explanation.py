"""Explain one task of a plan: the origin of each value, the tasks it waits for, and the tasks that wait for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from taskspec.diagnostics import choices
from taskspec.errors import UsageError
from taskspec.operations.project import Project
from taskspec.operations.value_origins import HIDDEN, Origin, Origins
from taskspec.plan.model import Change, Plan, Planned, PlannedTask
from taskspec.specfile.model import TaskDecl
from taskspec.specfile.variables import Assigned
from taskspec.values import Path, show_path


@dataclass(frozen=True, slots=True)
class Explanation:
    planned: Planned
    task: TaskDecl | None
    changes: tuple[Change, ...]
    values: Mapping[Path, Origin]
    waits_for: tuple[PlannedTask, ...]
    needed_by: tuple[PlannedTask, ...]


def explain(
    project: Project, plan: Plan, variables: Mapping[str, Assigned], address: str, path: str = ""
) -> Explanation:
    """Explain an address: all of its values, or those at one path. Raises UsageError for a wrong name."""
    planned = _find(plan, address)
    if not isinstance(planned, PlannedTask):
        return Explanation(planned, None, planned.changes, {}, (), ())
    instance = plan.expansion.instances[planned.node]
    project = replace(project, evaluator=project.evaluator.starting_from(plan.views))
    values = dict(Origins(project, variables, instance, planned).values())
    chosen = {place: origin for place, origin in values.items() if _is_at(place, path)}
    if path and not chosen:
        known = choices(path, map(show_path, values), label="Paths")
        raise UsageError(f'"{address}" has no value at "{path}"', remedy=known)
    by_node = {task.node: task for task in plan.tasks}
    graph = plan.expansion.graph
    upstream = graph.upstream(planned.node)
    downstream = [node for node in sorted(by_node) if planned.node in graph.upstream(node)]
    return Explanation(
        planned,
        instance.task,
        tuple(_redact_change(change, values) for change in planned.changes if _is_at(change.path, path)),
        chosen,
        tuple(by_node[node] for node in upstream if node in by_node),
        tuple(by_node[node] for node in downstream),
    )


def _find(plan: Plan, address: str) -> Planned:
    planned: Mapping[str, Planned] = {task.address: task for task in (*plan.tasks, *plan.stops)}
    if address not in planned:
        raise UsageError(f'the plan has no "{address}"', remedy=choices(address, planned, label="Addresses"))
    return planned[address]


def _redact_change(change: Change, values: Mapping[Path, Origin]) -> Change:
    """The change, with its values replaced where they contain a secret."""
    secrets = [path for path, origin in values.items() if origin.shown is HIDDEN]
    meets = any(change.path[: len(path)] == path[: len(change.path)] for path in secrets)
    return replace(change, before=HIDDEN, after=HIDDEN) if meets else change


def _is_at(path: Path, wanted: str) -> bool:
    text = show_path(path)
    return not wanted or text == wanted or text.startswith((f"{wanted}.", f"{wanted}["))
