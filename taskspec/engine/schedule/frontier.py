"""Which nodes may run now, and who is skipped because of whom. Pure: no clock, no threads, no network."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from taskspec.graph import TaskGraph
from taskspec.specfile.fields.kinds import RunOn

Skip = tuple[int, int]
"""A skipped node and the one that caused it: a failed one, one that was skipped itself, or the node itself."""
_NOBODY = -1


@dataclass(frozen=True, slots=True)
class Rule:
    """How the nodes that a node needs must have ended. One success in each group of its predecessors is enough."""

    run_on: RunOn = RunOn.SUCCESS
    groups: tuple[tuple[int, ...], ...] = ()

    @property
    def waits_for_ends(self) -> bool:
        """Whether the decision waits until all predecessors have ended when one did not succeed."""
        return bool(self.groups) or self.run_on is not RunOn.SUCCESS


@dataclass(frozen=True, slots=True)
class History:
    """What was before a frontier: nodes that failed, and nodes that were skipped with the cause of each."""

    failed: frozenset[int] = frozenset()
    skipped: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Frontier:
    """A walk through the graph by counting what is still missing before each node.

    Guarantees: every wanted node is handed out exactly once, or is reported skipped exactly once, with the node that
    caused it. Without a rule it is handed out after everything it needs has succeeded, and skipped as soon as that
    cannot be. With one it is handed out or skipped once everything it needs has ended. A skipped node has ended when
    all that it needs has ended. Among free nodes the earlier in the order comes first. Nodes that are not wanted count
    as done.
    """

    graph: TaskGraph
    wanted: frozenset[int]
    rules: Mapping[int, Rule] = field(default_factory=dict)
    taken: frozenset[int] = frozenset()
    """Wanted nodes that were handed out already, by the frontier whose place this one takes."""
    past: History = field(default_factory=History)
    _missing: list[int] = field(init=False)
    _position: dict[int, int] = field(init=False)
    _free: list[tuple[int, int]] = field(init=False, default_factory=list)
    _skipped: dict[int, int] = field(init=False, default_factory=dict)
    _good: bytearray = field(init=False)
    """Nodes that succeeded or were not wanted, and joins of which one member did."""
    _blame: dict[int, int] = field(init=False, default_factory=dict)
    """The failed node that reaches a node from above, for nodes that a failure reaches; its own for a failed one."""
    _handed: bytearray = field(init=False)
    _open: int = field(init=False)
    skipped_at_once: list[Skip] = field(init=False, default_factory=list)
    """Nodes that wait for a failure where nothing that they need is wanted."""

    def __post_init__(self) -> None:
        self._missing = [len(before) for before in self.graph.predecessors]
        self._position = {node: index for index, node in enumerate(self.graph.order)}
        self._open = len(self.wanted)
        self._good = bytearray(self.graph.size)
        self._handed = bytearray(self.graph.size)
        for node in self.taken:
            self._handed[node] = 1
        self._skipped.update(self.past.skipped)
        self._blame.update({node: node for node in self.past.failed})
        self._blame.update({node: cause for node, cause in self.past.skipped.items() if cause in self.past.failed})
        ended: list[int] = []
        for node in self.graph.order:
            if not self.graph.predecessors[node]:
                self.skipped_at_once += self._reach(node, ended)
        self.skipped_at_once += self._settle(ended)

    @property
    def is_done(self) -> bool:
        """Whether every wanted node has succeeded, failed or been skipped."""
        return self._open == 0

    def pop(self) -> int | None:
        """The next free node, or None while there is none."""
        node = self.show()
        if node is not None:
            self.hand(node)
        return node

    def show(self) -> int | None:
        """The next free node, which waits for something else before it begins; until then it may still be skipped."""
        return heapq.heappop(self._free)[1] if self.has_ready else None

    def hand(self, node: int) -> None:
        """The node that was shown begins."""
        self._handed[node] = 1

    def take_back(self, node: int) -> None:
        """A node that was handed out has not begun after all: it may be stopped again."""
        self._handed[node] = 0

    def is_skipped(self, node: int) -> bool:
        return node in self._skipped

    @property
    def has_ready(self) -> bool:
        while self._free and self._free[0][1] in self._skipped:
            heapq.heappop(self._free)
        return bool(self._free)

    def succeeded(self, node: int) -> bool:
        """Whether a node has succeeded, or was not wanted."""
        return bool(self._good[node])

    def failed(self, node: int) -> bool:
        return self._blame.get(node, _NOBODY) == node

    def is_open(self, node: int) -> bool:
        """Whether a node is wanted and has neither been skipped nor been handed out by an earlier frontier."""
        return node in self.wanted and node not in self._skipped and node not in self.taken

    def history(self, moved: Mapping[int, int]) -> History:
        """Who has failed and who was skipped, under new numbers; for the frontier that takes the place of this one."""
        failed = (node for node in self._blame if self.failed(node))
        skipped = self._skipped.items()
        return History(
            frozenset(moved[node] for node in failed if node in moved),
            {moved[node]: moved[cause] for node, cause in skipped if node in moved and cause in moved},
        )

    def succeed(self, node: int) -> list[Skip]:
        """The node is done; what only waited for it becomes free, or is not needed: then it is returned."""
        self._open -= 1
        self._good[node] = 1
        self._blame.pop(node, None)
        return self._in_order(self._settle([node]))

    def fail(self, node: int) -> list[Skip]:
        """The node failed; everything downstream without a rule of its own is skipped."""
        self._open -= 1
        self._blame[node] = node
        skipped = self._skip_below(node, node)
        return self._in_order(skipped + self._settle([node]))

    def skip(self, node: int) -> list[Skip]:
        """A node that was handed out does not run, which is not a failure. What needs it is skipped too."""
        self._open -= 1
        self._skipped[node] = node
        skipped = self._skip_below(node, node)
        return self._in_order(skipped + self._settle([node]))

    def stop(self, cause: int, nodes: Iterable[int]) -> list[Skip]:
        """A failure ends all: skip those of `nodes` that have not been handed out, and what needs them.

        Those that wait for a failure, or for any end, are left alone.
        """
        return self._skip_unbegun([node for node in nodes if not self._runs_after_failure(node)], cause)

    def lose(self, node: int) -> list[Skip]:
        """What a node gave is gone again: what needs it and has not been handed out is skipped, and what is below."""
        self._good[node] = 0
        self._blame[node] = node
        needing = self._needing(node) & self.wanted
        return self._skip_unbegun([after for after in needing if not self._waits_for_ends(after)], node)

    def hold(self, node: int) -> list[Skip]:
        """The node stays open beyond this run, and so does everything downstream, which is returned."""
        self._open -= 1
        held: list[Skip] = []
        for below in self.graph.closure([node], downstream=True) - {node}:
            if below not in self._skipped:
                held += self._mark(below, node)
        return self._in_order(held)

    def _skip_unbegun(self, nodes: Iterable[int], cause: int) -> list[Skip]:
        skipped: list[Skip] = []
        for node in nodes:
            if not self._handed[node] and node not in self._skipped:
                skipped += self._mark(node, cause) + self._skip_below(node, cause)
        free = [node for node, _ in skipped if self._missing[node] == 0]
        return self._in_order(skipped + self._settle(free))

    def _needing(self, node: int) -> set[int]:
        """Instances right below a node, seen through joins."""
        found: set[int] = set()
        for after in self.graph.successors[node]:
            found |= self._needing(after) if self.graph.is_join(after) else {after}
        return found

    def _mark(self, node: int, cause: int) -> list[Skip]:
        """Note that a node is skipped, and return what is reported of it."""
        self._skipped[node] = cause
        if self.failed(cause):
            self._blame.setdefault(node, cause)
        if node not in self.wanted:
            return []
        self._open -= 1
        return [(node, cause)]

    def _skip_below(self, node: int, cause: int) -> list[Skip]:
        """Skip what cannot run any more, down to nodes with a rule, and to those that are skipped already."""
        skipped: list[Skip] = []
        stack = [node]
        while stack:
            for after in self.graph.successors[stack.pop()]:
                if after not in self._skipped and not self._waits_for_ends(after):
                    skipped += self._mark(after, cause)
                    stack.append(after)
        return skipped

    def _waits_for_ends(self, node: int) -> bool:
        rule = self.rules.get(node)
        return rule is not None and rule.waits_for_ends and node in self.wanted

    def _runs_after_failure(self, node: int) -> bool:
        return node in self.rules and self.rules[node].run_on is not RunOn.SUCCESS

    def _settle(self, ended: list[int]) -> list[Skip]:
        """Nodes have ended, and so has all they need: count down what waits for them, however long the chain is."""
        skipped: list[Skip] = []
        while ended:
            node = ended.pop()
            blame = self._blame.get(node)
            for after in self.graph.successors[node]:
                self._missing[after] -= 1
                if blame is not None:
                    self._blame.setdefault(after, blame)
                if self._good[node] and self.graph.is_join(after):
                    self._good[after] = 1
                if self._missing[after] == 0:
                    skipped += self._reach(after, ended)
        return skipped

    def _reach(self, node: int, ended: list[int]) -> list[Skip]:
        """All that a node needs has ended: it becomes free, has ended too, or is skipped now, which is returned."""
        if node in self._skipped or (self.graph.is_join(node) and self.graph.predecessors[node]):
            ended.append(node)
        elif node in self.taken:
            pass
        elif node not in self.wanted:
            self._good[node] = not self.failed(node)
            ended.append(node)
        elif (cause := self._hindrance(node)) == _NOBODY:
            heapq.heappush(self._free, (self._position[node], node))
        else:
            ended.append(node)
            return self._mark(node, cause) + self._skip_below(node, cause)
        return []

    def _hindrance(self, node: int) -> int:
        """Because of whom a node cannot run now that all it needs has ended; itself, where nothing has failed."""
        rule = self.rules.get(node)
        if rule is None or rule.run_on is RunOn.ALWAYS:
            return _NOBODY
        if rule.run_on is RunOn.FAILURE:
            return _NOBODY if node in self._blame else node
        for group in rule.groups:
            if not any(self._good[before] for before in group):
                return self._blame.get(node, self._skipped.get(group[0], group[0]))
        return _NOBODY

    def _in_order(self, skipped: list[Skip]) -> list[Skip]:
        return sorted(skipped, key=lambda skip: self._position[skip[0]])


def rule_of(graph: TaskGraph, node: int, run_on: RunOn, task_of: Callable[[int], str]) -> Rule:
    """The rule of a node that does not simply need success; one success per task is enough, unless `run_on` says more.

    `task_of` names the task of an instance, so that instances of one task make one group.
    """
    if run_on is not RunOn.SUCCESS:
        return Rule(run_on)
    groups: dict[str, list[int]] = {}
    for before in graph.predecessors[node]:
        member = graph.predecessors[before][0] if graph.is_join(before) else before
        groups.setdefault(task_of(member), []).append(before)
    return Rule(groups=tuple(map(tuple, groups.values())))
