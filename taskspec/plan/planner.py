"""The plan: visit each instance in the order of the graph, evaluate it with what is known, and decide. No request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from taskspec.diagnostics import Code, Diagnostic, Severity
from taskspec.errors import SpecError
from taskspec.plan import decide_service
from taskspec.plan.conditions import Conditions, PriorLaunch, conditional, is_plain_task
from taskspec.plan.decide import (
    UNKNOWN_OUTCOME,
    Situation,
    Upstream,
    decide,
    decide_call,
    may_not_be_repeated,
    merge_upstream,
    through,
)
from taskspec.plan.deferred_tasks import expand_deferred, plan_deferred
from taskspec.plan.evaluator import Evaluator
from taskspec.plan.model import Action, Observed, Plan, Planned, PlannedTask, Reason
from taskspec.plan.plan_inputs import PlanInputs, chosen_nodes
from taskspec.plan.request import LaunchRequest, Request, misspelt_params
from taskspec.plan.request_diff import changes_of, is_certain
from taskspec.specfile.fields.kinds import Kind
from taskspec.specfile.model import CallDecl
from taskspec.state.model import Outcome, Record
from taskspec.template.expansion.instances import Instance
from taskspec.template.expressions.absent_views import AbsentView
from taskspec.template.expressions.render import RenderError
from taskspec.template.expressions.task_views import TaskView, unknown_view
from taskspec.values import Json, show_path

_MAY_FAIL = (Action.START, Action.RERUN, Action.ATTACH)


def make_plan(evaluator: Evaluator, inputs: PlanInputs) -> Plan:
    """The plan. Raises SpecError with every instance that cannot be evaluated, UsageError for a wrong selection.

    The evaluator does not change; what the plan knows of tasks is in its `views`. The results of a kept launch may
    unroll a for_each, and then the plan is made again with the new instances.
    """
    evaluator = evaluator.starting_from(evaluator.views)
    plan = _plan_once(evaluator, inputs)
    while plan.expansion.has_folded:
        expansion = expand_deferred(evaluator, plan.expansion, keep_folded=inputs.keep_folded)
        if expansion is None:
            break
        facts = inputs.look_up(expansion.instances) if inputs.look_up is not None else inputs.facts
        inputs = replace(inputs, expansion=expansion, facts=facts)
        plan = _plan_once(evaluator, inputs)
    return plan


def _plan_once(evaluator: Evaluator, inputs: PlanInputs) -> Plan:
    walk = _PlanWalk(evaluator, inputs, *chosen_nodes(inputs.expansion, inputs.selection))
    for node in inputs.expansion.graph.order:
        walk.visit(node)
    if evaluator.has_services:
        walk.decide_services()
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
        stops=(*_stops(inputs), *walk.stops),
        results=final_results(evaluator),
        expansion=inputs.expansion,
        views=evaluator.views,
        warnings=(*inputs.warnings, *walk.warnings.values()),
        pools=spec.pools,
        slots_per_agent=spec.slots_per_agent,
    )


def final_results(evaluator: Evaluator) -> dict[str, Json]:
    """The spec's own results as far as they are known, without those of tasks that were skipped or failed.

    Raises SpecError when an expression fails.
    """
    scope = {**evaluator.base, "tasks": evaluator.tasks}
    values: dict[str, Json] = {}
    problems = []
    for name, value in evaluator.spec.results.items():
        try:
            values[name] = evaluator.renderer.render(value, scope)
        except RenderError as error:
            if evaluator.reads_absent(error.text):
                continue
            span = evaluator.spec.span(("results", name, *error.path))
            problems.append(error.diagnostic(span, f'result "{name}"'))
    if problems:
        raise SpecError(problems)
    return values


def _stops(inputs: PlanInputs) -> Iterable[Planned]:
    """Launches of ours that still run although the spec no longer has them."""
    if inputs.selection.targets or inputs.selection.excludes:
        return  # what is about a part of the spec leaves everything else alone
    wanted = {instance.address for instance in inputs.expansion.instances}
    may_return = tuple(f"{instance.task.name}[" for instance in inputs.expansion.folded)
    for address, record in inputs.state.records.items():
        observed = inputs.world.get(address)
        if address in wanted or (may_return and address.startswith(may_return)):
            continue  # instances that are not known yet may well be wanted
        runs = observed is not None and not (observed.is_terminal or observed.is_unproven or record.reused)
        if runs or record.replaces:
            detail = f"launch {observed.task_id} is {observed.status}" if observed is not None and runs else ""
            if record.replaces:
                detail = ", ".join(filter(None, [detail, decide_service.may_run(record.replaces)]))
            yield Planned(address, Action.STOP, Reason.NOT_IN_SPEC, detail, previous=record, observed=observed)


_RULES = {Kind.JOB: decide, Kind.SERVICE: decide_service.decide_service}
"""How the action of a launch is chosen; every other kind is a call."""


@dataclass(slots=True)
class _PlanWalk:
    evaluator: Evaluator
    inputs: PlanInputs
    chosen: set[int]
    requested: set[int]
    planned: dict[int, PlannedTask] = field(default_factory=dict)
    problems: list[Diagnostic] = field(default_factory=list)
    warnings: dict[tuple[str, str], Diagnostic] = field(default_factory=dict)
    flows: dict[int, Upstream] = field(default_factory=dict)
    stops: list[Planned] = field(default_factory=list)
    conditions: Conditions = field(init=False)

    def __post_init__(self) -> None:
        expansion = self.inputs.expansion
        self.conditions = Conditions(self.evaluator, expansion.graph, expansion.instances)

    def visit(self, node: int) -> None:
        above = merge_upstream(self.flows[before] for before in self.inputs.expansion.graph.predecessors[node])
        if self.inputs.expansion.graph.is_join(node):
            self.flows[node] = above
            self.conditions.pass_on(node)
            return
        instance = self.inputs.expansion.instances[node]
        record = self._record(instance)
        if self.inputs.carried and instance.address in self.inputs.carried:
            self._carry(node, record, above)
            return
        planned = self._planned(node, instance, record, above) if node in self.chosen else None
        self._pass_on(instance, record, planned, chosen=node in self.chosen)
        if instance.task.service is not None:
            self.flows[node] = through(above, record, planned)
            return
        self.flows[node] = Upstream(
            launching=(instance.address,) if planned is not None and planned.action.launches else (),
            newest=(record.number, instance.address) if record is not None else (0, ""),
            may_fail=above.may_fail or (planned is not None and planned.action in _MAY_FAIL),
        )

    def _carry(self, node: int, record: Record | None, above: Upstream) -> None:
        """A task that the run has decided already. What others see of it is in the views."""
        address = self.inputs.expansion.instances[node].address
        carried = self.inputs.carried[address]
        self.planned[node] = replace(carried.planned, node=node)
        if self.inputs.expansion.instances[node].task.service is not None:
            self.flows[node] = through(above, record, carried.planned)
            return
        self.flows[node] = Upstream(
            launching=(address,) if carried.planned.action.launches and not carried.is_over else (),
            newest=(record.number, address) if record is not None else (0, ""),
        )

    def _record(self, instance: Instance) -> Record | None:
        """What is on record of an instance; a call leaves a launch of the same address nothing to go by."""
        record = self.inputs.state.records.get(instance.address)
        return None if record is not None and record.is_call and instance.task.call is None else record

    def _planned(self, node: int, instance: Instance, record: Record | None, above: Upstream) -> PlannedTask | None:
        try:
            if instance.is_folded:
                skipped = self._skipped(node, instance, record, above) if self.conditions.skipped else None
                self.planned[node] = skipped or plan_deferred(self.evaluator, node, instance, self.inputs.facts)
                return self.planned[node]
            is_plain = is_plain_task(instance.task)
            skipped = None if is_plain and not self.conditions.skipped else self._skipped(node, instance, record, above)
            if skipped is not None:
                self.planned[node] = skipped
                return skipped
            request = self.evaluator.request(instance, self.inputs.facts)
            planned = self._plan(node, instance, record, request, above)
            self.planned[node] = planned if is_plain else conditional(self.evaluator, instance, planned)
        except SpecError as error:
            self.problems.extend(error.diagnostics)
            return None
        if isinstance(request, LaunchRequest) and not isinstance(instance.task, CallDecl):
            self._note_unknown_params(instance, instance.task.params, request)
        return self.planned[node]

    def _skipped(self, node: int, instance: Instance, record: Record | None, above: Upstream) -> PlannedTask | None:
        """The plan for a task that is skipped, if it is; a launch of it that still runs is stopped."""
        attempts = self.inputs.state.attempts.get(instance.address, 0)
        past = PriorLaunch(node, record, self._observed(record, instance.address), attempts)
        skip, stops = self.conditions.plan(past, may_fail=above.may_fail)
        self.stops += stops
        return skip

    def _pass_on(self, instance: Instance, record: Record | None, planned: PlannedTask | None, *, chosen: bool) -> None:
        """What tasks further down see of this one: all of a launch that is kept, the id of one that still runs."""
        if instance.is_folded:
            return
        if instance.task.service is not None:
            view = decide_service.view_of(instance, record, planned)
            self.evaluator.tasks.put(instance.task.name, instance.key, view)
            return
        view = unknown_view(instance.address, instance.task.results)
        action = planned.action if planned is not None and not planned.condition else None
        kept = action in (Action.KEEP, Action.PUBLISH) or (not chosen and record is not None and record.succeeded)
        if record is not None and kept:
            view = TaskView(instance.address, record.task_id, self.evaluator.recorded(record.results))
        elif planned is not None and planned.observed is not None and action is Action.ATTACH:
            # A start that was cut off has no id on record; the server has one, and apply will use that.
            view = replace(view, id=planned.observed.task_id)
        elif action is Action.SKIP:
            self.evaluator.tasks.put(instance.task.name, instance.key, AbsentView(instance.address, Outcome.SKIPPED))
            return
        self.evaluator.tasks.put(instance.task.name, instance.key, view)

    def _plan(
        self, node: int, instance: Instance, record: Record | None, request: Request, above: Upstream
    ) -> PlannedTask:
        requested = node in self.requested
        if may_not_be_repeated(record, destructive=instance.task.destructive, requested=requested):
            raise SpecError([self._cut_off(instance)])
        world = self.inputs.world.get(instance.address)
        if record is not None and world is not None and world.is_unproven and not requested:
            raise self._unproven(instance, world.task_id)
        fingerprint = request.fingerprint
        changes = changes_of(record, request) if record is not None and record.fingerprint != fingerprint else ()
        choose = _RULES.get(instance.task.kind, decide_call)
        decision = choose(
            Situation(
                rerun=instance.task.rerun,
                record=record,
                observed=self._observed(record, instance.address),
                fingerprint=fingerprint,
                inputs_differ=any(is_certain(change) for change in changes),
                upstream_launches=above.launching,
                upstream_ran_since=above.newest[1] if record is not None and above.newest[0] > record.number else None,
                outputs_differ=self._outputs_differ(instance, record),
                requested=requested,
            )
        )
        return PlannedTask(
            address=instance.address,
            action=decision.action,
            reason=decision.reason,
            detail=decision.detail,
            changes=changes if decision.action.launches else (),
            request=request,
            fingerprint=fingerprint if request.is_checked else None,
            previous=record,
            observed=self._observed(record, instance.address),
            node=node,
            attempts=self.inputs.state.attempts.get(instance.address, 0),
        )

    def decide_services(self) -> None:
        """Decide about services, now that the actions of all their users are there.

        What its users know of a service that is launched again is withdrawn, since its results may change.
        """
        graph, instances = self.inputs.expansion.graph, self.inputs.expansion.instances
        for node in decide_service.decide_services(graph, instances, self.planned, self.requested, self.inputs.carried):
            view = decide_service.relaunched_view(instances[node], self.planned[node])
            if view is None:
                continue
            self.evaluator.tasks.put(instances[node].task.name, instances[node].key, view)
            for user in decide_service.users(graph, node):
                if user in self.planned and self.planned[user].action.launches and self.planned[user].request:
                    request = self.evaluator.request(instances[user], self.inputs.facts)
                    self.planned[user] = replace(self.planned[user], request=request, fingerprint=request.fingerprint)

    def _cut_off(self, instance: Instance) -> Diagnostic:
        return Diagnostic(
            Code.CUT_OFF,
            f'"{instance.address}" is destructive and its last call was cut off: {UNKNOWN_OUTCOME}',
            self.evaluator.spec.task_span(instance.task.name, "destructive"),
            remedy=f"Look at the server first. To make the call again, add --rerun '{instance.address}'; if it was "
            f"carried out, leave it out with --exclude '{instance.address}'.",
        )

    def _unproven(self, instance: Instance, task_id: int) -> SpecError:
        remedy = (
            "Look at it: a user may have edited its description. If it is the launch of this task: taskspec state "
            f"forget '{instance.address}', then taskspec state adopt '{instance.address}' {task_id}. "
            f"If it is another: add --rerun '{instance.address}'."
        )
        message = f"launch {task_id}, which is on record, shows no start key as other launches do"
        return self.evaluator.failed(instance, (), Code.UNPROVEN, message, remedy)

    def _observed(self, record: Record | None, address: str) -> Observed | None:
        """The launch on record. One that may not be ours is left alone."""
        found = self.inputs.world.get(address) if record is not None else None
        return None if found is None or found.is_unproven else found

    def _outputs_differ(self, instance: Instance, record: Record | None) -> bool:
        if record is None or not record.succeeded:
            return False
        try:
            return self.evaluator.outputs_digest(instance, record.results) != record.published
        except SpecError:
            return True

    def _note_unknown_params(self, instance: Instance, params: Mapping[str, Json], request: LaunchRequest) -> None:
        for path, close in misspelt_params(params, request.facts.defaults):
            name = show_path(path)
            if (instance.task.name, name) not in self.warnings:
                self.warnings[(instance.task.name, name)] = Diagnostic(
                    Code.UNKNOWN_PARAM,
                    f'app "{request.facts.name}" declares no param "{name}"',
                    self.evaluator.spec.task_span(instance.task.name, "params", *path, key=True),
                    remedy=f"{close} Apps may read params they do not declare, so this is only a warning.",
                    severity=Severity.WARNING,
                )
