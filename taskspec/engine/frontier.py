"""Which nodes may run now, and who is skipped because of whom. Pure: no clock, no threads, no network."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from taskspec.graph import TaskGraph


@dataclass(slots=True)
class Frontier:
    """A walk through the graph by counting what is still missing before each node.

    Guarantees: every wanted node is handed out exactly once, after everything it needs has succeeded, or is reported
    skipped exactly once, with the node whose failure caused it. Among free nodes the earlier in the order comes first.
    Nodes that are not wanted count as done.
    """

    graph: TaskGraph
    wanted: frozenset[int]
    taken: frozenset[int] = frozenset()
    """Wanted nodes that were handed out already, by the frontier whose place this one takes."""
    _missing: list[int] = field(init=False)
    _position: dict[int, int] = field(init=False)
    _free: list[tuple[int, int]] = field(init=False, default_factory=list)
    _skipped: dict[int, int] = field(init=False, default_factory=dict)
    _begun: set[int] = field(init=False, default_factory=set)
    _open: int = field(init=False)

    def __post_init__(self) -> None:
        self._begun.update(self.taken)
        self._missing = [len(before) for before in self.graph.predecessors]
        self._position = {node: index for index, node in enumerate(self.graph.order)}
        self._open = len(self.wanted)
        self._release([node for node in self.graph.order if self._missing[node] == 0])

    @property
    def is_done(self) -> bool:
        """Whether every wanted node has succeeded, failed or been skipped."""
        return self._open == 0

    def pop(self) -> int | None:
        """The next free node, or None while there is none."""
        while self._free:
            node = heapq.heappop(self._free)[1]
            if node not in self._skipped:
                self._begun.add(node)
                return node
        return None

    @property
    def has_free(self) -> bool:
        return bool(self._free)

    def succeed(self, node: int) -> None:
        """The node is done; what only waited for it becomes free."""
        self._open -= 1
        self._release(self._freed_by(node))

    def fail(self, node: int) -> list[tuple[int, int]]:
        """The node failed; everything downstream is skipped. Returns (skipped node, causing node) pairs."""
        self._open -= 1
        skipped = []
        for below in sorted(self.graph.closure([node], downstream=True) - {node}, key=self._position.__getitem__):
            if below not in self._skipped:
                self._skipped[below] = node
                if below in self.wanted:
                    self._open -= 1
                    skipped.append((below, node))
        return skipped

    def lose(self, node: int) -> list[int]:
        """What a node gave is gone again: what needs it and has not begun is skipped, with everything below that."""
        late = {
            after
            for after in self._needing(node)
            if after in self.wanted and after not in self._begun and after not in self._skipped
        }
        skipped = []
        for below in sorted(self.graph.closure(late, downstream=True), key=self._position.__getitem__):
            if below not in self._skipped:
                self._skipped[below] = node
                if below in self.wanted:
                    self._open -= 1
                    skipped.append(below)
        return skipped

    def _needing(self, node: int) -> set[int]:
        """Instances right below a node, seen through joins."""
        found: set[int] = set()
        for after in self.graph.successors[node]:
            found |= self._needing(after) if self.graph.is_join(after) else {after}
        return found

    def hold(self, node: int) -> list[tuple[int, int]]:
        """The node stays open beyond this run, and so does everything downstream, which is returned as from `fail`."""
        return self.fail(node)

    def _freed_by(self, node: int) -> list[int]:
        """Nodes that waited for this one last of all."""
        freed = []
        for after in self.graph.successors[node]:
            self._missing[after] -= 1
            if self._missing[after] == 0 and after not in self._skipped:
                freed.append(after)
        return freed

    def _release(self, nodes: list[int]) -> None:
        """Make nodes free; those that are not wanted let pass at once, however long their chain is."""
        while nodes:
            node = nodes.pop()
            if node in self.taken:
                continue
            if node in self.wanted:
                heapq.heappush(self._free, (self._position[node], node))
            else:
                nodes.extend(self._freed_by(node))
