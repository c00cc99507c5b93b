"""The graph of a plan: nodes are small integers, edges point downstream, and the order is stable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import networkx as nx

Edge = tuple[int, int]


class CycleError(Exception):
    """The edges form a cycle; `cycle` is its path, each node once, in order of dependence."""

    def __init__(self, cycle: Sequence[int]) -> None:
        super().__init__(" -> ".join(map(str, cycle)))
        self.cycle = tuple(cycle)


@dataclass(frozen=True, slots=True)
class TaskGraph:
    """An acyclic graph over nodes 0 … size-1. Nodes from `first_join` on are joins.

    A join does no work: it is ready as soon as all of its predecessors have succeeded. With a join, n instances that
    need m others have n + m edges instead of n x m.
    """

    size: int
    first_join: int
    predecessors: tuple[tuple[int, ...], ...]
    successors: tuple[tuple[int, ...], ...]
    order: tuple[int, ...]

    def is_join(self, node: int) -> bool:
        return node >= self.first_join

    def upstream(self, node: int) -> tuple[int, ...]:
        """The instances that this one depends on directly; joins are replaced by their members."""
        found: dict[int, None] = {}
        for predecessor in self.predecessors[node]:
            members = self.upstream(predecessor) if self.is_join(predecessor) else (predecessor,)
            found.update(dict.fromkeys(members))
        return tuple(found)

    def edges(self) -> list[Edge]:
        """Every edge between instances; joins are replaced by their members."""
        return [(before, node) for node in range(self.first_join) for before in self.upstream(node)]

    def closure(self, nodes: Iterable[int], *, downstream: bool) -> set[int]:
        """The nodes, and all nodes downstream (or upstream) of them."""
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

    The order is topological. Among nodes that are ready, the lower number comes first, so equal specs have equal plans.
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
    """Instances in columns: each depends only on instances of earlier columns."""
    depth: dict[int, int] = {}
    for node in graph.order:
        before = [depth[p] for p in graph.predecessors[node]]
        depth[node] = max(before, default=-1) + (0 if graph.is_join(node) else 1)
    columns: list[list[int]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for node in range(graph.first_join):
        columns[depth[node]].append(node)
    return columns
