"""Which try or node begins next: in the order of the plan, or by priority and as slots allow. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from taskspec.engine.schedule.frontier import Frontier
from taskspec.engine.schedule.retries import PendingRetry, Retries
from taskspec.engine.schedule.slots import Needs, Place, Rank, Slots
from taskspec.plan.agent_rules import is_rule
from taskspec.plan.decide_service import users
from taskspec.plan.model import Action, Plan, PlannedTask
from taskspec.plan.request import LaunchRequest
from taskspec.template.expansion.instances import Instance
from taskspec.values import canonical

POOL, TASK, AGENT, SERVICE = "pool", "task", "agent", "service"
_BEFORE_ALL = -(2**62)
"""Tasks that start nothing (keep, publish, skip) need no slot, so they come before every priority."""


@dataclass(frozen=True, slots=True)
class SlotDeadlock:
    """A task that can never begin: what it lacks is held by services that are up for it."""

    address: str
    reason: str


@dataclass(slots=True)
class Admission:
    """Hands out one try or node at a time. Without a limit in the spec it costs nothing."""

    plan: Plan
    frontier: Frontier
    retries: Retries
    _slots: Slots = field(init=False)
    _is_limited: bool = field(init=False)
    _positions: Mapping[int, int] = field(init=False, default_factory=dict)
    _planned: Mapping[int, PlannedTask] = field(init=False, default_factory=dict)
    _numbers: Mapping[str, int] = field(init=False, default_factory=dict)
    _due: dict[int, PendingRetry] = field(init=False, default_factory=dict)
    _begun: set[int] = field(init=False, default_factory=set)
    _forgotten: set[int] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self._slots = Slots(_Sizes(self.plan), spare=self._spare)
        self._is_limited = is_limited(self.plan)
        if self._is_limited:
            self._positions = {node: index for index, node in enumerate(self.plan.expansion.graph.order)}
            self._planned = {task.node: task for task in self.plan.tasks}
            self._numbers = {task.address: task.node for task in self.plan.tasks}

    def next(self, now: float) -> PendingRetry | int | None:
        """The next try or node that may begin, its slots taken; None while there is none."""
        if not self._is_limited:
            retry = self.retries.pop_due(now)
            return retry if retry is not None else self.frontier.pop()
        self._line_up(now)
        while (node := self._slots.pick()) is not None:
            if node in self._forgotten or (node not in self._due and self.frontier.is_skipped(node)):
                self._forgotten.discard(node)
                self._slots.release(node)
                continue
            self._begun.add(node)
            self.frontier.hand(node)
            if self._planned[node].action is Action.ATTACH:
                self._slots.hold(node, self._needs(node))  # it runs already, whether there is a slot for it or not
            return self._due.pop(node, node)
        return None

    def forget_tries(self, is_forgotten: Callable[[str], bool]) -> list[PendingRetry]:
        """Remove and return due tries of such addresses that still wait for a slot."""
        found = {node: retry for node, retry in self._due.items() if is_forgotten(retry.address)}
        for node in found:
            del self._due[node]
            self._forgotten.add(node)
        return list(found.values())

    def release(self, node: int) -> None:
        """The task has ended, or waits for its next try."""
        self._slots.release(node)

    def resume(self, node: int) -> None:
        """The task has begun before, under another plan."""
        self._slots.hold(node, self._needs(node))

    def look_again(self) -> None:
        """Something ended that may free more slots than were given back."""
        self._slots.look_again()

    def stuck(self) -> SlotDeadlock | None:
        """The first that waits for a slot, where nothing will ever give one back; it waits no longer."""
        while (found := self._slots.give_up()) is not None:
            node, (kind, name), holders = found
            is_try = self._due.pop(node, None) is not None
            if is_try or not self.frontier.is_skipped(node):
                self.frontier.hand(node)
                names = [self._instance(holder).address for holder in holders]
                return SlotDeadlock(self._instance(node).address, _lack_of(kind, name, names))
        return None

    def give_up(self) -> list[PendingRetry]:
        """Every try that was still to come."""
        waiting, self._due = [*self._due.values()], {}
        return sorted([*waiting, *self.retries.clear()])

    def _line_up(self, now: float) -> None:
        while (retry := self.retries.pop_due(now)) is not None:
            node = self._numbers[retry.address]
            self._due[node] = retry
            self._slots.offer(node, self._rank(node), self._needs(node))
        while (free := self.frontier.show()) is not None:
            begins = self._planned[free].action.launches and not self._planned[free].is_folded
            self._slots.offer(free, self._rank(free), self._needs(free) if begins else ())

    def _rank(self, node: int) -> Rank:
        launches = self._planned[node].action.launches
        return (-self._instance(node).task.priority if launches else _BEFORE_ALL, self._positions[node])

    def _needs(self, node: int) -> Needs:
        task, needs = self._instance(node).task, dict[Place, int]()
        for name, count in task.pool.items():
            needs[(POOL, name)] = count
        if task.max_parallel is not None:
            needs[(TASK, task.name)] = 1
        agent = _agent(self._planned[node]) if self.plan.slots_per_agent is not None else None
        if agent is not None:
            needs[(AGENT, agent)] = 1
        if needs and task.service is not None:
            # A queue of its own, since it also waits for slots of its users.
            needs[(SERVICE, self._instance(node).address)] = 0
        return tuple(sorted(needs.items()))

    def _spare(self, node: int) -> Needs:
        """Slots that a service leaves free for one of its users and for that user's other services."""
        if self._instance(node).task.service is None or not self._needs(node):
            return ()
        most: dict[Place, int] = {}
        for user in self._users(node):
            for place, count in self._claim(user, node).items():
                most[place] = max(most.get(place, 0), count)
        return tuple(most.items())

    def _users(self, service: int) -> Iterator[int]:
        """Tasks that are still to begin and need this service, directly or through another one."""
        for user in users(self.plan.expansion.graph, service):
            if self._instance(user).task.service is not None:
                yield from self._users(user)
            elif user in self._planned and self.frontier.is_open(user) and user not in self._begun:
                yield user

    def _claim(self, user: int, service: int) -> Counter[Place]:
        """Slots that a task and its services will take, without those already taken and the service's own."""
        claim, stack, seen = Counter[Place](), [user], {service}
        while stack:
            node = stack.pop()
            if node in seen or node not in self._planned or self._slots.holds(node):
                continue
            seen.add(node)
            claim.update(dict(self._needs(node)) if self._planned[node].action.launches else {})
            stack += [
                up for up in self.plan.expansion.graph.upstream(node) if self._instance(up).task.service is not None
            ]
        return claim

    def _instance(self, node: int) -> Instance:
        return self.plan.expansion.instances[node]


def is_limited(plan: Plan) -> bool:
    """Whether anything but the number of launches at a time decides who begins."""
    tasks = plan.expansion.declarations
    return plan.slots_per_agent is not None or any(t.pool or t.priority or t.max_parallel is not None for t in tasks)


def _lack_of(kind: str, name: str, holders: list[str]) -> str:
    """Why nothing ever gives a slot of this place back."""
    place = {POOL: f'pool "{name}"', TASK: f'max_parallel of "{name}"'}.get(kind, f'agent "{name}"')
    if not holders:
        return f"{place} is too small: this task and the services it needs hold slots at the same time"
    return f"{place} has no slot left: services that wait for this task hold them ({', '.join(holders)})"


class _Sizes(dict[Place, int]):
    """Slots of each place; those of an agent are the same for every agent."""

    def __init__(self, plan: Plan) -> None:
        super().__init__({(POOL, name): size for name, size in plan.pools.items()})
        self.update({(TASK, t.name): t.max_parallel for t in plan.expansion.declarations if t.max_parallel is not None})
        self._per_agent = plan.slots_per_agent

    def __missing__(self, place: Place) -> int:
        if place[0] == SERVICE:
            return 0
        if place[0] == AGENT and self._per_agent is not None:
            return self._per_agent
        raise KeyError(place)


def _agent(planned: PlannedTask) -> str | None:
    """The agent as the spec names it; None where the server chooses."""
    agent = planned.request.agent if isinstance(planned.request, LaunchRequest) else None
    if agent is None or agent == "any":
        return None
    return agent if isinstance(agent, str) else canonical(agent.as_json() if is_rule(agent) else agent)
