"""In the middle of a run the items of a for_each have become known: plan what that adds, and go on in the same run.

Nothing new begins until every start, stop and look that is out has been answered; launches and calls that run go on.
A worker makes the plan, since that asks the server and reads the state. What else is answered meanwhile waits for it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import partial

from taskspec.engine.events import words
from taskspec.engine.launching import Launching, NotLaunchable
from taskspec.engine.progress import Active, Progress, StopTwin
from taskspec.engine.refresh import observe
from taskspec.engine.skipping import rules_of, tell
from taskspec.engine.turns import Turns
from taskspec.engine.workers import Answer
from taskspec.errors import TaskspecError
from taskspec.plan.inputs import Carried, PlanInputs
from taskspec.plan.model import Plan, Planned
from taskspec.plan.planner import make_plan
from taskspec.spec.endurance import FailureKind
from taskspec.state.model import State
from taskspec.template.instances import Instance

NAMED = 8
"""Keys that are named when instances become known; there may be thousands."""


@dataclass(frozen=True, slots=True)
class PlanFurther:
    """Plan the instances of a fan-out whose items have become known."""


@dataclass(slots=True)
class Unfolding:
    """Puts instances in the place of the one that stood for them."""

    progress: Progress
    launching: Launching
    turns: Turns
    is_planning: bool = False
    """Whether a worker makes a plan, and changes what the evaluator knows of tasks."""
    _waiting: list[Answer] = field(default_factory=list)

    def go_on(self) -> None:
        """Let a worker plan what waits for it, once nothing else is on its way to the server."""
        progress = self.progress
        if self.is_planning or not progress.unfolding or progress.leaving.is_asked:
            return
        progress.ledger.flush()
        if progress.jobs > self.turns.calls.out or self.turns.starts.is_preparing:
            return
        self.is_planning = True
        progress.workers.submit(PlanFurther(), partial(self._planned, progress.unfolding[0]))

    def holds_back(self, answer: Answer) -> bool:
        """Keep an answer until the plan is made; whether it was kept."""
        is_kept = self.is_planning and not isinstance(answer.tag, PlanFurther) and not self.progress.leaving.is_asked
        if is_kept:
            self._waiting.append(answer)
        return is_kept

    def held_back(self) -> list[Answer]:
        """The answers that were kept, in order; they are kept no longer."""
        answers, self._waiting = self._waiting, []
        return answers

    def took_plan(self, answer: Answer) -> None:
        """The plan is made, or cannot be; once the run is ending it is of no use."""
        self.is_planning = False
        if self.progress.leaving.is_asked:
            return
        node = self.progress.unfolding.pop(0)
        try:
            if isinstance(answer.value, Plan):
                self._use(answer.value)
            elif answer.error is not None:
                raise answer.error
        except TaskspecError as error:
            self._refuse(node, error)

    def _planned(self, node: int) -> Plan:
        """The plan to go on with, its folder apps startable. Runs in a worker."""
        address, plan = self.progress.tasks[node].address, self._plan(node)
        if any(task.address == address for task in plan.tasks):
            raise NotLaunchable("its items are still unknown", remedy="apply the tasks that give them too")
        self.launching.register_folders(plan)
        return plan

    def _plan(self, node: int) -> Plan:
        """The plan with the instances of this task, and of all others that are known by now, where those are sound."""
        instance = self.progress.instance(node)
        ended = {i.task.name for i in self._folded() if i.address in self.progress.board.ended}
        others = {i.task.name for i in self._folded()} - {instance.task.name}
        try:
            return self._plan_without(ended)
        except TaskspecError:
            self._forget_problems()
            return self._plan_of_sound(others)

    def _plan_of_sound(self, keep_folded: set[str]) -> Plan:
        """The plan with the instances of as many tasks as are sound: one that is not does not hold up the others."""
        plan: Plan | None = self._plan_without(keep_folded)
        for name in sorted(keep_folded):
            try:
                plan = self._plan_without(keep_folded - {name})
                keep_folded = keep_folded - {name}
            except TaskspecError:
                self._forget_problems()
                plan = None
        return plan or self._plan_without(keep_folded)

    def _folded(self) -> list[Instance]:
        return self.progress.plan.expansion.folded

    def _plan_without(self, keep_folded: Collection[str]) -> Plan:
        tools, plan = self.progress.tools, self.progress.plan
        if tools.inputs is None:
            raise AssertionError("a plan with folded instances comes with what it was made of")
        state = tools.store.load()
        inputs = replace(
            tools.inputs,
            expansion=plan.expansion,
            facts=tools.catalogue.facts,
            state=state,
            world=observe(tools.server, self._of_folded(state)),
            keep_folded=keep_folded,
            carried=self._carried(),
        )
        further = make_plan(tools.evaluator, inputs)
        self._check(inputs, further)
        return further

    def _of_folded(self, state: State) -> State:
        """The records of instances that may come: all others are in the plan, and the run knows better."""
        prefixes = tuple(f"{instance.task.name}[" for instance in self._folded())
        return replace(state, records={a: r for a, r in state.records.items() if a.startswith(prefixes)})

    def _carried(self) -> dict[str, Carried]:
        ended = self.progress.board.ended
        return {task.address: Carried(task, task.address in ended) for task in self.progress.plan.tasks}

    def _check(self, inputs: PlanInputs, plan: Plan) -> None:
        """Agents and workspaces of what is new exist."""
        instances = plan.expansion.instances
        new = [task for task in plan.tasks if task.address not in inputs.carried and not task.is_folded]
        self.progress.tools.catalogue.check_places((instances[task.node], task.request) for task in new)

    def _use(self, plan: Plan) -> None:
        before = self.progress.plan
        known = {task.address for task in before.tasks}
        new = [task for task in plan.tasks if task.address not in known]
        self.launching.plan = plan
        self.progress.tools.evaluator.views.take(plan.views)
        strays = [stop for stop in plan.stops if stop.address not in {stop.address for stop in before.stops}]
        up = [service.active.planned.address for service in self.turns.services.up.values()]
        further = replace(plan, stops=before.stops, warnings=before.warnings)
        moved = self.progress.go_on_with(further, rules_of(further), up, self.turns.calls.waiting)
        self.turns.services.renumber(moved)
        self.turns.calls.renumber(moved)
        tell(self.progress, self.progress.frontier.skipped_at_once)
        self._tell(before, strays)
        for task in new:
            for twin in task.twins:
                self.progress.submit(StopTwin(task, twin), self.progress.stopper(twin))

    def _tell(self, before: Plan, strays: list[Planned]) -> None:
        """What has come of each folded instance, and launches that are no longer among its instances."""
        board, expansion = self.progress.board, self.progress.plan.expansion
        left = {instance.address for instance in expansion.folded}
        for folded in before.expansion.folded:
            if folded.address not in left:
                keys = [str(key) for key in expansion.by_task[folded.task.name]]
                named = ", ".join(keys[:NAMED]) + (", …" if len(keys) > NAMED else "")
                count = f"{len(keys):,} instance{'s' * (len(keys) != 1)}"
                board.notice(folded.address, f"{count}: {named}" if keys else "no instances: there are no items")
        for stray in strays:
            board.notice(stray.address, f"{stray.detail}, and is no instance any more: the next apply stops it")

    def _refuse(self, node: int, error: TaskspecError) -> None:
        """The task fails as a whole, and nothing of it is launched."""
        progress = self.progress
        self._forget_problems()
        progress.active[node] = Active(progress.tasks[node], "", progress.tools.clock())
        self.turns.endings.fail(node, words(error), kind=FailureKind.INPUTS)

    def _forget_problems(self) -> None:
        """Leave no trace of a plan that could not be made."""
        self.progress.tools.catalogue.problems.clear()
