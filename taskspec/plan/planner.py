"""The plan: walk the graph once, evaluate each instance with what is known, decide, pass on. Pure."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from taskspec.diagnostics import Code, Diagnostic, Severity, nearest
from taskspec.errors import SpecError, UsageError
from taskspec.plan.decide import Situation, decide
from taskspec.plan.evaluate import Evaluator, Facts
from taskspec.plan.model import Action, Change, Observed, Plan, PlannedTask, Reason
from taskspec.plan.request import LaunchRequest, start_key
from taskspec.state.model import Phase, Record, State
from taskspec.template.instances import Expansion, Instance
from taskspec.template.render import RenderError
from taskspec.template.scope import TaskView, unknown_view
from taskspec.values import Json, differences, is_known

World = Mapping[str, Observed]
"""What the server says, by address; an address without an entry is one the server does not know."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which instances a plan is about: addresses, task names or patterns of them."""

    targets: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    reruns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanInputs:
    """Everything a plan is made of, gathered at the rim."""

    server: str
    expansion: Expansion
    facts: Facts
    state: State
    world: World
    selection: Selection
    warnings: tuple[Diagnostic, ...] = ()


def make_plan(evaluator: Evaluator, inputs: PlanInputs) -> Plan:
    """The plan. Raises SpecError with every instance that cannot be evaluated, UsageError for a wrong selection."""
    walk = _Walk(evaluator, inputs, *_chosen(inputs))
    for node in inputs.expansion.graph.order:
        walk.visit(node)
    if walk.problems:
        raise SpecError(walk.problems)
    spec = evaluator.spec
    return Plan(
        name=spec.name,
        source=spec.document.source.name,
        server=inputs.server,
        lineage=inputs.state.lineage,
        serial=inputs.state.serial,
        tasks=tuple(walk.planned[node] for node in inputs.expansion.graph.order if node in walk.planned),
        stops=tuple(_stops(inputs)),
        results=final_results(evaluator),
        expansion=inputs.expansion,
        warnings=(*inputs.warnings, *walk.warnings.values()),
    )


def final_results(evaluator: Evaluator) -> dict[str, Json]:
    """The spec's own results as far as they are known. Raises SpecError when an expression fails."""
    scope = {**evaluator.base, "tasks": evaluator.tasks}
    values: dict[str, Json] = {}
    problems = []
    for name, value in evaluator.spec.results.items():
        try:
            values[name] = evaluator.renderer.render(value, scope)
        except RenderError as error:
            span = evaluator.spec.span(("results", name, *error.path))
            problems.append(error.diagnostic(span, f'result "{name}"'))
    if problems:
        raise SpecError(problems)
    return values


def _stops(inputs: PlanInputs) -> Iterable[PlannedTask]:
    """Launches of ours that still run although the spec no longer has them."""
    if inputs.selection.targets or inputs.selection.excludes:
        return  # what is about a part of the spec leaves everything else alone
    wanted = {instance.address for instance in inputs.expansion.instances}
    for address, record in inputs.state.records.items():
        observed = inputs.world.get(address)
        if address not in wanted and observed is not None and not observed.is_terminal:
            detail = f"launch {observed.task_id} is {observed.status}"
            yield PlannedTask(address, Action.STOP, Reason.NOT_IN_SPEC, detail, previous=record, observed=observed)


def _chosen(inputs: PlanInputs) -> tuple[set[int], set[int]]:
    """The nodes in the plan, and those whose rerun was asked for."""
    graph, selection = inputs.expansion.graph, inputs.selection
    chosen = set(range(graph.first_join))
    if selection.targets:
        chosen &= graph.closure(_matching(inputs.expansion, "--target", selection.targets), downstream=False)
    if selection.excludes:
        chosen -= graph.closure(_matching(inputs.expansion, "--exclude", selection.excludes), downstream=True)
    return chosen, _matching(inputs.expansion, "--rerun", selection.reruns)


def _matching(expansion: Expansion, flag: str, patterns: Iterable[str]) -> set[int]:
    """Nodes by address, task, included spec, or pattern of addresses. Raises UsageError for one that fits nothing."""
    nodes: set[int] = set()
    for pattern in patterns:
        exact = {
            node
            for node, instance in enumerate(expansion.instances)
            if pattern in (instance.address, instance.task.name) or instance.task.name.startswith(f"{pattern}.")
        }
        found = exact or {
            node for node, instance in enumerate(expansion.instances) if fnmatch.fnmatchcase(instance.address, pattern)
        }
        if not found:
            close = nearest(pattern, [*expansion.by_task, *(i.address for i in expansion.instances)])
            raise UsageError(f'{flag} "{pattern}" fits no task of the spec', remedy=close or "see `taskspec graph`")
        nodes |= found
    return nodes


@dataclass(frozen=True, slots=True)
class _Flow:
    """What reaches a node from above: who launches in this plan, and the youngest launch on record."""

    launching: tuple[str, ...] = ()
    newest: tuple[int, str] = (0, "")


@dataclass(slots=True)
class _Walk:
    evaluator: Evaluator
    inputs: PlanInputs
    chosen: set[int]
    requested: set[int]
    planned: dict[int, PlannedTask] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    warnings: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)
    flows: dict[int, _Flow] = field(default_factory=dict)

    def visit(self, node: int) -> None:
        above = _meet(self.flows[before] for before in self.inputs.expansion.graph.predecessors[node])
        if self.inputs.expansion.graph.is_join(node):
            self.flows[node] = above
            return
        instance = self.inputs.expansion.instances[node]
        record = self.inputs.state.records.get(instance.address)
        planned = self._planned(node, instance, record, above) if node in self.chosen else None
        self._pass_on(instance, record, planned, chosen=node in self.chosen)
        self.flows[node] = _Flow(
            launching=(instance.address,) if planned is not None and planned.action.launches else (),
            newest=(record.number, instance.address) if record is not None else (0, ""),
        )

    def _planned(self, node: int, instance: Instance, record: Record | None, above: _Flow) -> PlannedTask | None:
        try:
            request = self.evaluator.request(instance, self.inputs.facts)
            self.planned[node] = self._plan(node, instance, record, request, above)
        except SpecError as error:
            self.problems.extend(error.diagnostics)
            return None
        self._note_unknown_params(instance, request)
        return self.planned[node]

    def _pass_on(self, instance: Instance, record: Record | None, planned: PlannedTask | None, *, chosen: bool) -> None:
        """What tasks further down see of this one: all of a launch that is kept, the id of one that still runs."""
        view = unknown_view(instance.address, instance.task.results)
        action = planned.action if planned is not None else None
        kept = action in (Action.KEEP, Action.PUBLISH) or (not chosen and record is not None and record.succeeded)
        if record is not None and kept:
            view = TaskView(instance.address, record.task_id, record.results)
        elif planned is not None and planned.observed is not None and action is Action.ATTACH:
            # A start that was cut off has no id on record; the server has one, and apply will use that.
            view = TaskView(instance.address, planned.observed.task_id, view.results)
        self.evaluator.tasks.put(instance.task.name, instance.key, view)

    def _plan(
        self, node: int, instance: Instance, record: Record | None, request: LaunchRequest, above: _Flow
    ) -> PlannedTask:
        fingerprint = request.fingerprint
        changes = _changes(record, request) if record is not None and record.fingerprint != fingerprint else ()
        decision = decide(
            Situation(
                rerun=instance.task.rerun,
                record=record,
                observed=self._observed(record, instance.address),
                fingerprint=fingerprint,
                inputs_differ=any(_is_certain(change) for change in changes),
                upstream_launches=", ".join(above.launching),
                upstream_ran_since=above.newest[1] if record is not None and above.newest[0] > record.number else "",
                outputs_differ=self._outputs_differ(instance, record),
                requested=node in self.requested,
            )
        )
        return PlannedTask(
            address=instance.address,
            action=decision.action,
            reason=decision.reason,
            detail=decision.detail,
            changes=changes if decision.action.launches else (),
            request=request,
            fingerprint=fingerprint,
            previous=record,
            observed=self._observed(record, instance.address),
            node=node,
            attempts=self.inputs.state.attempts.get(instance.address, 0),
        )

    def _observed(self, record: Record | None, address: str) -> Observed | None:
        return self.inputs.world.get(address) if record is not None else None

    def _outputs_differ(self, instance: Instance, record: Record | None) -> bool:
        if record is None or not record.succeeded:
            return False
        try:
            return self.evaluator.outputs_digest(instance, record.results) != record.published
        except SpecError:
            return True

    def _note_unknown_params(self, instance: Instance, request: LaunchRequest) -> None:
        declared = request.facts.defaults
        for name in instance.task.params:
            close = nearest(name, declared) if declared and name not in declared else ""
            if close and (instance.task.name, name) not in self.warnings:
                self.warnings[(instance.task.name, name)] = Diagnostic(
                    Code.UNKNOWN_PARAM,
                    f'app "{request.facts.name}" declares no param "{name}"',
                    self.evaluator.spec.task_span(instance.task.name, "params", name, key=True),
                    remedy=f"{close} Apps may read params they do not declare, so this is only a warning.",
                    severity=Severity.WARNING,
                )


def _meet(flows: Iterable[_Flow], limit: int = 5) -> _Flow:
    """All flows into a node as one; only the first few names are kept, they are for people."""
    launching: tuple[str, ...] = ()
    newest = (0, "")
    for flow in flows:
        launching = (launching + flow.launching)[:limit]
        newest = max(newest, flow.newest)
    return _Flow(launching, newest)


def _changes(record: Record, request: LaunchRequest) -> tuple[Change, ...]:
    return tuple(Change(*difference) for difference in differences(record.inputs, request.inputs))


def _is_certain(change: Change) -> bool:
    return is_known(change.after)


def last_key(
    record: Record | None, lineage: str, address: str, fingerprint: str, *, highest: int = 0
) -> tuple[str, int]:
    """Key and number of the attempt to make now: the one that never arrived again, else the next.

    `highest` is the last attempt the address ever had, so that a forgotten launch never lends its key to a new one.
    """
    if record is not None and record.phase is Phase.INTENDED and record.fingerprint == fingerprint:
        return record.key, record.attempt
    attempt = max(record.attempt if record is not None else 0, highest) + 1
    return start_key(lineage, address, fingerprint, attempt), attempt
