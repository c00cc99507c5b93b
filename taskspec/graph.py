"""The graph of a plan: nodes are small integers, edges point downstream, the order is stable.

The only module that imports networkx.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import networkx as nx

Edge = tuple[int, int]


class CycleError(Exception):
    """The edges lead back to where they came from; `cycle` is the path, each node once, in order of dependence."""

    def __init__(self, cycle: Sequence[int]) -> None:
        super().__init__(" -> ".join(map(str, cycle)))
        self.cycle = tuple(cycle)


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """An acyclic graph over nodes 0 … size-1. Nodes from `first_join` on are joins.

    A join stands for "all of these": it is ready as soon as its predecessors have succeeded and does no work. It keeps
    n instances that need m others at n + m edges instead of n x m.
    """

    size: int
    first_join: int
    predecessors: tuple[tuple[int, ...], ...]
    successors: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]

    def is_join(self, node: int) -> bool:
        return node >= self.first_join

    def upstream(self, node: int) -> tuple[int, ...]:
        """Instances this one waits for directly, seen through joins."""
        found: dict[int, None] = {}
        for predecessor in self.predecessors[node]:
            members = self.upstream(predecessor) if self.is_join(predecessor) else (predecessor,)
            found.update(dict.fromkeys(members))
        return tuple(found)

    def edges(self) -> list[Edge]:
        """Every edge between instances, joins written out."""
        return [(before, node) for node in range(self.first_join) for before in self.upstream(node)]

    def closure(self, nodes: Iterable[int], *, downstream: bool) -> set[int]:
        """The nodes and everything they lead to (or come from)."""
        neighbours = self.successors if downstream else self.predecessors
        seen: set[int] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(neighbours[node])
        return seen


def build_graph(size: int, edges: Iterable[Edge], *, first_join: int | None = None) -> TaskGraph:
    """A TaskGraph over nodes 0 … size-1. Raises CycleError.

    The order is topological, and among what is free the lower number comes first, so that equal specs have equal plans.
    """
    graph: nx.DiGraph[int] = nx.DiGraph()
    graph.add_nodes_from(range(size))
    graph.add_edges_from(edges)
    try:
        order = tuple(nx.lexicographical_topological_sort(graph))
    except nx.NetworkXUnfeasible:
        raise CycleError([edge[0] for edge in nx.find_cycle(graph)]) from None
    return TaskGraph(
        size=size,
        first_join=size if first_join is None else first_join,
        predecessors=tuple(tuple(graph.predecessors(node)) for node in range(size)),
        successors=tuple(tuple(graph.successors(node)) for node in range(size)),
        order=order,
    )


def generations(graph: TaskGraph) -> list[list[int]]:
    """Instances by how far they are from the start: each only needs instances of earlier columns."""
    depth: dict[int, int] = {}
    for node in graph.order:
        before = [depth[p] for p in graph.predecessors[node]]
        depth[node] = max(before, default=-1) + (0 if graph.is_join(node) else 1)
    columns: list[list[int]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in range(graph.first_join):
        columns[depth[node]].append(node)
    return columns
