"""Whether a task runs at all: its own condition, the skipped tasks it needs, and `run_on`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace

from taskspec.diagnostics import Code
from taskspec.graph import TaskGraph
from taskspec.json_tree import map_leaves
from taskspec.plan.decide_service import may_run
from taskspec.plan.model import Action, Observed, Planned, PlannedTask, Reason
from taskspec.plan.task_scope import TaskScope
from taskspec.secrets.redaction import HIDDEN
from taskspec.specfile.fields.kinds import PartialRule, RunOn
from taskspec.specfile.fields.value_types import described
from taskspec.specfile.model import TaskDecl
from taskspec.state.model import Record
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.absent_views import reads_absent
from taskspec.template.expressions.render import RenderError
from taskspec.values import Json, Opaque, Unknown, canonical, to_symbols
from taskspec.wording import shorten

_SUCCESS = RunOn.SUCCESS
_SHOWN = 80
"""Characters of a value that a reason shows."""
NOTHING_CAN_FAIL = "nothing that it needs runs now"


@dataclass(frozen=True, slots=True)
class Skipped:
    """Why a task is skipped. `root` is the node that caused it, which may be the task's own."""

    reason: Reason
    detail: str
    root: int


@dataclass(frozen=True, slots=True)
class PriorLaunch:
    node: int
    record: Record | None
    observed: Observed | None
    attempts: int


def is_plain_task(task: TaskDecl) -> bool:
    """Whether a task simply runs when all it needs has succeeded."""
    return task.when is True and task.run_on is _SUCCESS


@dataclass(slots=True)
class Conditions:
    """The tasks that a plan skips, as far as the walk has come."""

    scope: TaskScope
    graph: TaskGraph
    instances: tuple[Instance, ...]
    skipped: dict[int, Skipped] = field(default_factory=dict)
    """Skipped nodes, and joins with a skipped member."""
    _void: set[int] = field(default_factory=set)
    """Nodes of which nothing will succeed: joins only when all members are skipped."""

    def pass_on(self, join: int) -> None:
        members = self.graph.predecessors[join]
        first = next((self.skipped[before] for before in members if before in self.skipped), None)
        if first is not None:
            self.skipped[join] = first
            if all(before in self._void for before in members):
                self._void.add(join)

    def plan(self, past: PriorLaunch, *, may_fail: bool) -> tuple[PlannedTask | None, list[Planned]]:
        """The plan for a node that is skipped, None where it is not, and the stop of a launch of it that runs.

        Raises SpecError for a condition that fails, or that is neither true nor false.
        """
        node, instance = past.node, self.instances[past.node]
        running = past.observed if past.observed is not None and not past.observed.is_terminal else None
        if instance.is_folded:
            found = self._needed(node, instance)
        else:
            found = self._skip(node, instance, may_fail=may_fail or running is not None)
        if found is None:
            return None, []
        self.skipped[node] = found
        self._void.add(node)
        skip = PlannedTask(
            address=instance.address,
            action=Action.SKIP,
            reason=found.reason,
            detail=found.detail,
            previous=past.record,
            observed=past.observed if running is None else None,
            node=node,
            attempts=past.attempts,
            root=self.instances[found.root].address if found.root != node else "",
        )
        is_left = running is not None or (past.record is not None and bool(past.record.replaces))
        return skip, [_stop(skip, running)] if is_left else []

    def _skip(self, node: int, instance: Instance, *, may_fail: bool) -> Skipped | None:
        above = self._needed(node, instance)
        if above is not None:
            return above
        if instance.task.run_on is RunOn.FAILURE and not may_fail:
            return Skipped(Reason.RUNS_ON_FAILURE, NOTHING_CAN_FAIL, node)
        if holds(self.scope, instance) is False:
            return Skipped(Reason.CONDITION_FALSE, explain(self.scope, instance), node)
        return None

    def _needed(self, node: int, instance: Instance) -> Skipped | None:
        above = self._above(node, instance.task)
        if above is None:
            return None
        return replace(above, detail=f'needs "{self.instances[above.root].address}", which is skipped')

    def _above(self, node: int, task: TaskDecl) -> Skipped | None:
        """The skipped task because of which this one is skipped too."""
        if not self.skipped or task.run_on is not RunOn.SUCCESS:
            return None
        before = self.graph.predecessors[node]
        if task.partial is PartialRule.CONTINUE:
            before = tuple(self._void_groups(before))
        return next((self.skipped[one] for one in before if one in self.skipped), None)

    def _void_groups(self, predecessors: Iterable[int]) -> Iterable[int]:
        """One of each group of instances of one task of which none will succeed."""
        groups: dict[str, list[int]] = {}
        for before in predecessors:
            member = self.graph.predecessors[before][0] if self.graph.is_join(before) else before
            groups.setdefault(self.instances[member].task.name, []).append(before)
        return (group[0] for group in groups.values() if all(before in self._void for before in group))


def _stop(skip: PlannedTask, running: Observed | None) -> Planned:
    replaced = may_run(skip.previous.replaces) if skip.previous is not None and skip.previous.replaces else ""
    detail = f"launch {running.task_id} is {running.status}" if running is not None else replaced
    return Planned(
        skip.address,
        Action.STOP,
        skip.reason,
        detail,
        previous=skip.previous,
        observed=running,
        attempts=skip.attempts,
    )


def conditional(scope: TaskScope, instance: Instance, planned: PlannedTask) -> PlannedTask:
    """What is planned for a task that is not plain, saying what it still depends on."""
    task = instance.task
    if task.run_on is RunOn.FAILURE and planned.action.launches:
        planned = replace(planned, reason=Reason.RUNS_ON_FAILURE, detail="")
    elif task.run_on is RunOn.ALWAYS and planned.reason is Reason.NEVER_LAUNCHED:
        planned = replace(planned, reason=Reason.RUNS_ALWAYS)
    condition = holds(scope, instance)
    if isinstance(condition, Unknown):
        planned = replace(planned, condition=f"if {task.when} {condition.describe()}")
    return planned


def holds(scope: TaskScope, instance: Instance) -> bool | Unknown:
    """Whether the task is wanted. Raises SpecError when that is neither true nor false, or cannot be evaluated."""
    when = instance.task.when
    value = scope.render(instance, ("when",), when) if isinstance(when, str) else when
    if isinstance(value, bool | Unknown):
        return value
    advice = f"write {{{{ {when} }}}}" if value == when else "compare it with something"
    message = f"a condition must be true or false, and this one is {described(value)}; {advice}"
    raise scope.failed(instance, ("when",), Code.WRONG_VALUE, message)


def reads(scope: TaskScope, instance: Instance, value: Json) -> Iterator[tuple[str, Json]]:
    """What the expressions of a value read, each as written with its value; nothing that may be a secret."""
    specs = (scope.spec, *scope.spec.units.values())
    guarded = any(variable.sensitive for spec in specs for variable in spec.variables.values())
    texts = {reference.text: reference for reference in scope.renderer.references(value)}
    for text, reference in texts.items():
        if guarded and reference.root != "tasks":
            continue
        with suppress(RenderError):
            yield text, scope.renderer.render(f"{{{{ {text} }}}}", scope.names(instance))


def reads_absent_task(scope: TaskScope, text: str) -> bool:
    """Whether an expression reads a task that did not succeed."""
    return reads_absent(scope.tasks, scope.renderer.references(text))


def explain(scope: TaskScope, instance: Instance) -> str:
    """The condition as written, and the values it read; nothing for one that is simply false."""
    if not isinstance(instance.task.when, str):
        return ""
    values = ", ".join(f"{text} = {_shown(value)}" for text, value in reads(scope, instance, instance.task.when))
    return f"{instance.task.when} with {values}" if values else instance.task.when


def _shown(value: Json) -> str:
    plain = map_leaves(to_symbols(value), _shown_leaf)
    return shorten(plain if isinstance(value, Opaque) else canonical(plain), _SHOWN)


def _shown_leaf(leaf: Json) -> Json:
    if isinstance(leaf, Unknown):
        return leaf.describe()
    return HIDDEN if isinstance(leaf, Opaque) else leaf
