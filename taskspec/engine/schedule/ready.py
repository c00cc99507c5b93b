"""Which tasks may begin, by address: the graph of the plan, its limits and the tries that are still to come. Pure.

The numbers of the graph stay inside: a plan that gains instances numbers its nodes again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.engine.schedule.admission import Admission
from taskspec.engine.schedule.frontier import Frontier, History, Rule, rule_of
from taskspec.engine.schedule.retries import PendingRetry, Retries
from taskspec.plan.decide_service import users
from taskspec.plan.model import Action, Plan
from taskspec.specfile.fields.kinds import PartialRule, RunOn

Skip = tuple[str, str]
"""A skipped address and the one that caused it; the address itself where it waited for a failure that never came."""


@dataclass(slots=True)
class Ready:
    """Hands out each task of the plan once, when it may begin, and each due try of a failed one."""

    plan: Plan
    done: Collection[str] = ()
    """Addresses that have their outcome already, or are services that are up."""
    begun: Collection[str] = ()
    """Addresses that were handed out already."""
    history: History = field(default_factory=History)
    retries: Retries = field(default_factory=Retries)
    frontier: Frontier = field(init=False)
    admission: Admission = field(init=False)
    _nodes: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        instances = self.plan.expansion.instances
        self._nodes = {instance.address: node for node, instance in enumerate(instances)}
        wanted = frozenset(task.node for task in self.plan.tasks if task.address not in self.done)
        taken = frozenset(self._nodes[address] for address in self.begun)
        self.frontier = Frontier(self.plan.expansion.graph, wanted, _rules_of(self.plan), taken, self.history)
        self.admission = Admission(self.plan, self.frontier, self.retries)

    def with_plan(self, plan: Plan, done: Collection[str], begun: Collection[str]) -> Ready:
        """The same for a plan that has more instances. Tries that are to come stay so, without a slot."""
        numbers = {instance.address: node for node, instance in enumerate(plan.expansion.instances)}
        old = self.plan.expansion.instances
        moved = {node: numbers[one.address] for node, one in enumerate(old) if one.address in numbers}
        tries = self.admission.give_up()
        history = self.frontier.history(moved)
        ready = Ready(plan, done, [*begun, *(retry.address for retry in tries)], history)
        for retry in tries:
            ready.retries.add(retry)
        return ready

    @property
    def skipped_at_once(self) -> list[Skip]:
        """Tasks that wait for a failure where nothing that they need is wanted."""
        return self._skips(self.frontier.skipped_at_once)

    def next(self, now: float) -> PendingRetry | str | None:
        """The next try or task that may begin, its slots taken; None while there is none."""
        turn = self.admission.next(now)
        return self._address(turn) if isinstance(turn, int) else turn

    def keep_slots(self, address: str) -> None:
        """The task began under another plan."""
        self.admission.resume(self._nodes[address])

    def release(self, address: str) -> None:
        """Give the slots of a task back."""
        self.admission.release(self._nodes[address])

    def succeed(self, address: str) -> list[Skip]:
        return self._skips(self.frontier.succeed(self._nodes[address]))

    def fail(self, address: str) -> list[Skip]:
        return self._skips(self.frontier.fail(self._nodes[address]))

    def skip(self, address: str) -> list[Skip]:
        return self._skips(self.frontier.skip(self._nodes[address]))

    def stop(self, cause: str, addresses: Iterable[str]) -> list[Skip]:
        """A failure ends the run: skip those of the addresses that were not handed out."""
        return self._skips(self.frontier.stop(self._nodes[cause], [self._nodes[one] for one in addresses]))

    def lose(self, address: str) -> list[Skip]:
        """A service died: what needs it and was not handed out is skipped."""
        return self._skips(self.frontier.lose(self._nodes[address]))

    def hold(self, address: str) -> list[Skip]:
        """The task stays open beyond this run, and so does everything downstream, which is returned."""
        return self._skips(self.frontier.hold(self._nodes[address]))

    def take_back(self, address: str) -> None:
        """A task that was handed out has not begun after all."""
        self.frontier.take_back(self._nodes[address])

    def forget_tries(self, is_forgotten: Callable[[str], bool]) -> list[PendingRetry]:
        """Remove and return the tries of such addresses, due or not."""
        found = self.admission.forget_tries(is_forgotten)
        for retry in self.retries.clear():
            if is_forgotten(retry.address):
                found.append(retry)
            else:
                self.retries.add(retry)
        return found

    def has_failed(self, address: str) -> bool:
        return self.frontier.failed(self._nodes[address])

    def absent_upstream(self, address: str) -> list[str]:
        """The direct upstream instances that did not succeed."""
        found = self.plan.expansion.graph.upstream(self._nodes[address])
        return [self._address(node) for node in found if not self.frontier.succeeded(node)]

    def users(self, service: str) -> Iterator[str]:
        """The instances that need a service directly."""
        return map(self._address, users(self.plan.expansion.graph, self._nodes[service]))

    def _address(self, node: int) -> str:
        return self.plan.expansion.instances[node].address

    def _skips(self, skips: Iterable[tuple[int, int]]) -> list[Skip]:
        return [(self._address(node), self._address(cause)) for node, cause in skips]


def _rules_of(plan: Plan) -> Mapping[int, Rule]:
    """The rules of tasks that do not simply need the success of all. A launch that runs already is awaited anyway."""
    graph, instances = plan.expansion.graph, plan.expansion.instances
    rules: dict[int, Rule] = {}
    for planned in plan.tasks:
        task = instances[planned.node].task
        if task.run_on is not RunOn.SUCCESS or task.partial is not PartialRule.FAIL:
            is_soft = planned.action is Action.ATTACH and task.run_on is RunOn.FAILURE
            run_on = RunOn.ALWAYS if is_soft else task.run_on
            rules[planned.node] = rule_of(graph, planned.node, run_on, lambda one: instances[one].task.name)
    return rules
