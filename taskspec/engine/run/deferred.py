"""When the items of a for_each become known during a run, the run goes on with a plan that has its instances.

A worker makes the plan, since that asks the server and reads the state. Messages that come meanwhile wait for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from taskspec.engine.deferred_planner import DeferredPlanner
from taskspec.engine.events import error_text
from taskspec.engine.protocol.commands import PlanFurther, StopLaunches
from taskspec.engine.protocol.effects import submit
from taskspec.engine.protocol.messages import FurtherPlanned, InterruptAsked, Message
from taskspec.engine.protocol.states import Attempt, Failed, StopPurpose
from taskspec.engine.run.completion import finish, record_skips
from taskspec.engine.run.state import RunState
from taskspec.errors import TaskspecError
from taskspec.plan.model import Plan, Planned
from taskspec.specfile.fields.retries_and_deadlines import FailureKind

KEYS_NAMED = 8
"""Keys that are named when instances become known; there may be thousands."""


@dataclass(slots=True)
class Deferred:
    """Puts instances in the place of the address that stood for them. `planner` makes plans in a worker."""

    run: RunState
    planner: Callable[[Plan, str, frozenset[str]], DeferredPlanner]
    _planner: DeferredPlanner | None = None
    _waiting: list[Message] = field(default_factory=list)

    def plan_next(self) -> None:
        """Let a worker plan the first address that waits for it."""
        run = self.run
        if run.is_planning or not run.deferred or run.interrupt_state.is_requested:
            return
        run.is_planning = True
        self._planner = self.planner(run.plan, run.deferred[0], run.over)
        run.do(submit(PlanFurther(self._planner)))

    def keep_if_planning(self, message: Message) -> bool:
        """Keep a message until the plan is made; whether it was kept."""
        is_kept = self.run.is_planning and not isinstance(message, FurtherPlanned | InterruptAsked)
        if is_kept:
            self._waiting.append(message)
        return is_kept

    def take_waiting(self) -> list[Message]:
        """The messages that were kept, in order; they are kept no longer."""
        messages, self._waiting = self._waiting, []
        return messages

    def on_planned(self, message: FurtherPlanned, now: float) -> None:
        """The plan is made, or cannot be; once the run is ending it is of no use."""
        run = self.run
        run.is_planning = False
        if run.interrupt_state.is_requested:
            return
        address = run.deferred.pop(0)
        if message.plan is not None:
            self._use(message.plan)
        elif isinstance(message.error, TaskspecError):
            if self._planner is not None:
                self._planner.forget_problems()
            finish(run, Failed(Attempt(address, now), error_text(message.error), kind=FailureKind.INPUTS), now)
        elif message.error is not None:
            raise message.error

    def _use(self, plan: Plan) -> None:
        run, before = self.run, self.run.plan
        new = [task for task in plan.tasks if task.address not in run.tasks]
        known_stops = {stop.address for stop in before.stops}
        strays = [stop for stop in plan.stops if stop.address not in known_stops]
        run.setup.evaluator.views.take(plan.views)
        run.use_plan(replace(plan, stops=before.stops, warnings=before.warnings))
        record_skips(run, run.ready.skipped_at_once)
        self._report(before, strays)
        for task in new:
            for twin in task.duplicates:
                run.do(submit(StopLaunches(task.address, (twin,), StopPurpose.DUPLICATE)))

    def _report(self, before: Plan, strays: list[Planned]) -> None:
        """Tell the user which instances there are, and of launches that are no longer among them."""
        run, expansion = self.run, self.run.plan.expansion
        left = {instance.address for instance in expansion.folded}
        for folded in before.expansion.folded:
            if folded.address not in left:
                keys = [str(key) for key in expansion.by_task[folded.task.name]]
                named = ", ".join(keys[:KEYS_NAMED]) + (", …" if len(keys) > KEYS_NAMED else "")
                count = f"{len(keys):,} instance{'s' * (len(keys) != 1)}"
                run.notice(folded.address, f"{count}: {named}" if keys else "no instances: there are no items")
        for stray in strays:
            run.notice(stray.address, f"{stray.detail}, and is no longer an instance; the next apply will stop it")
