"""The graph: a stable topological order, joins that stand for every edge, cycles that are cycles."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskspec.graph import CycleError, Edge, TaskGraph, build_graph, generations

EDGES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25)
DOWNWARD = EDGES.map(lambda edges: [(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]])


@st.composite
def acyclic(draw: st.DrawFn) -> list[Edge]:
    """Edges that follow some order of the nodes, not the order of their numbers."""
    order = draw(st.permutations(range(10)))
    return [(order[before], order[after]) for before, after in draw(DOWNWARD)]


def digraph(edges: list[Edge], size: int = 10) -> nx.DiGraph[int]:
    graph: nx.DiGraph[int] = nx.DiGraph(edges)
    graph.add_nodes_from(range(size))
    return graph


@given(acyclic())
def test_everything_comes_after_what_it_needs(edges: list[Edge]) -> None:
    order = build_graph(10, edges).order
    assert sorted(order) == list(range(10))
    assert all(order.index(before) < order.index(after) for before, after in edges)


@given(acyclic(), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_how_the_edges_are_listed(edges: list[Edge], random: object) -> None:
    again = [*edges, *edges]
    random.shuffle(again)  # type: ignore[attr-defined]
    assert build_graph(10, again).order == build_graph(10, edges).order


@given(acyclic())
def test_among_what_is_free_the_lower_number_comes_first(edges: list[Edge]) -> None:
    graph = build_graph(10, edges)
    done: set[int] = set()
    for node in graph.order:
        free = [n for n in range(10) if n not in done and set(graph.predecessors[n]) <= done]
        assert node == min(free)
        done.add(node)


@given(acyclic(), st.sets(st.integers(0, 9)), st.booleans())
def test_the_closure_is_what_can_be_reached(edges: list[Edge], nodes: set[int], downstream: bool) -> None:
    reach = nx.descendants if downstream else nx.ancestors
    expected = set(nodes).union(*(reach(digraph(edges), node) for node in nodes))
    assert build_graph(10, edges).closure(nodes, downstream=downstream) == expected


@settings(max_examples=300)
@given(EDGES)
def test_a_cycle_that_is_reported_is_one_and_every_cyclic_graph_is_refused(edges: list[Edge]) -> None:
    acyclic_too = nx.is_directed_acyclic_graph(digraph(edges))
    try:
        build_graph(10, edges)
    except CycleError as error:
        cycle = error.cycle
        assert not acyclic_too
        assert len(set(cycle)) == len(cycle) >= 1
        assert all(edge in edges for edge in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
    else:
        assert acyclic_too


def joined(upstream: list[list[int]], downstream: list[list[int]]) -> tuple[TaskGraph, set[Edge]]:
    """Pairs of layers tied by joins, and the edges they stand for."""
    joins = range(10, 10 + len(upstream))
    edges = [(node, join) for join, layer in zip(joins, upstream, strict=True) for node in layer]
    edges += [(join, node) for join, layer in zip(joins, downstream, strict=True) for node in layer]
    written = {
        edge for above, below in zip(upstream, downstream, strict=True) for edge in itertools.product(above, below)
    }
    return build_graph(10 + len(upstream), edges, first_join=10), written


LAYERS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 4), max_size=4, unique=True), st.lists(st.integers(5, 9), max_size=4, unique=True)
    ),
    max_size=3,
)


@given(LAYERS)
def test_a_join_stands_for_every_edge_from_all_to_all(layers: list[tuple[list[int], list[int]]]) -> None:
    graph, written = joined([above for above, _ in layers], [below for _, below in layers])
    assert set(graph.edges()) == written
    assert len(graph.edges()) == len(written)
    assert set(graph.order[:0]) | {node for node in graph.order if graph.is_join(node)} == set(range(10, graph.size))


@given(LAYERS)
def test_instances_are_as_deep_with_joins_as_with_the_edges_written_out(
    layers: list[tuple[list[int], list[int]]],
) -> None:
    graph, written = joined([above for above, _ in layers], [below for _, below in layers])
    assert generations(graph) == generations(build_graph(10, written))


@given(acyclic())
def test_a_generation_needs_only_earlier_ones_and_as_few_as_possible(edges: list[Edge]) -> None:
    columns = generations(build_graph(10, edges))
    assert [sorted(column) for column in nx.topological_generations(digraph(edges))] == columns


@pytest.mark.parametrize("size", [0, 1])
def test_the_smallest_graphs(size: int) -> None:
    graph = build_graph(size, [])
    assert graph.order == tuple(range(size))
    assert generations(graph) == [[0]] * size


def test_a_long_chain_is_no_recursion() -> None:
    graph = build_graph(20_000, [(n, n + 1) for n in range(19_999)])
    assert graph.order == tuple(range(20_000))
    assert len(graph.closure([0], downstream=True)) == 20_000
