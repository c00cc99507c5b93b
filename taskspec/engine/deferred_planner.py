"""Plans the instances of a fan-out whose items have become known in the middle of a run. Runs in a worker."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from taskspec.engine.launches.context import RunContext
from taskspec.engine.launches.prepare import LaunchPreparer, NotLaunchable
from taskspec.engine.server.observe import observe_launches
from taskspec.errors import TaskspecError
from taskspec.plan.model import Plan
from taskspec.plan.plan_inputs import CarriedOver
from taskspec.plan.planner import make_plan
from taskspec.state.model import State
from taskspec.template.expansion.instances import Instance


@dataclass(frozen=True, slots=True)
class DeferredPlanner:
    """Makes a plan in which instances take the place of the address that stood for them.

    `plan` is the one that is being carried out, `ended` the addresses that have their outcome.
    """

    run_context: RunContext
    preparer: LaunchPreparer
    plan: Plan
    address: str
    ended: frozenset[str]

    def make(self) -> Plan:
        """The plan to go on with, its folder apps startable. Raises TaskspecError when it cannot be made."""
        plan = self._plan()
        if any(task.address == self.address for task in plan.tasks):
            raise NotLaunchable("its items are still unknown", remedy="apply the tasks that give them too")
        self.preparer.register_folders(plan)
        return plan

    def forget_problems(self) -> None:
        """Leave no trace of a plan that could not be made."""
        self.run_context.catalogue.problems.clear()

    def _plan(self) -> Plan:
        """The plan with the instances of this task, and of all others that are known by now, where those are sound."""
        folded = self.plan.expansion.folded
        name = next(instance.task.name for instance in folded if instance.address == self.address)
        ended = {instance.task.name for instance in folded if instance.address in self.ended}
        others = {instance.task.name for instance in folded} - {name}
        try:
            return self._plan_without(ended)
        except TaskspecError:
            self.forget_problems()
            return self._plan_of_sound(others)

    def _plan_of_sound(self, keep_folded: set[str]) -> Plan:
        """The plan with the instances of as many tasks as are sound: one that is not does not hold up the others."""
        plan: Plan | None = self._plan_without(keep_folded)
        for name in sorted(keep_folded):
            try:
                plan = self._plan_without(keep_folded - {name})
                keep_folded = keep_folded - {name}
            except TaskspecError:
                self.forget_problems()
                plan = None
        return plan or self._plan_without(keep_folded)

    def _plan_without(self, keep_folded: Collection[str]) -> Plan:
        tools, plan = self.run_context, self.plan
        if tools.inputs is None:
            raise AssertionError("a plan with folded instances comes with what it was made of")
        state = tools.store.load()
        inputs = replace(
            tools.inputs,
            expansion=plan.expansion,
            facts=tools.catalogue.facts,
            state=state,
            world=observe_launches(tools.server, _of_folded(state, plan.expansion.folded)),
            keep_folded=keep_folded,
            carried={task.address: CarriedOver(task, task.address in self.ended) for task in plan.tasks},
        )
        further = make_plan(tools.evaluator, inputs)
        # Agents and workspaces of what is new have to exist.
        new = [task for task in further.tasks if task.address not in inputs.carried and not task.is_folded]
        tools.catalogue.check_places((further.expansion.instances[task.node], task.request) for task in new)
        return further


def _of_folded(state: State, folded: list[Instance]) -> State:
    """The records of instances that may come: all others are in the plan, and the run knows better."""
    prefixes = tuple(f"{instance.task.name}[" for instance in folded)
    return replace(state, records={a: r for a, r in state.records.items() if a.startswith(prefixes)})
