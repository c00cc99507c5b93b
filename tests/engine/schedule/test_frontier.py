"""The frontier, walked through every graph of up to four nodes with every set of failures and of wanted nodes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from taskspec.engine.schedule.frontier import Frontier
from taskspec.graph import TaskGraph, build_graph

SIZES = (0, 1, 2, 3, 4)


def all_graphs(size: int) -> Iterator[TaskGraph]:
    """Every acyclic graph whose edges go from lower to higher numbers; the others are these with other names."""
    pairs = list(itertools.combinations(range(size), 2))
    for chosen in itertools.product([False, True], repeat=len(pairs)):
        yield build_graph(size, [pair for pair, is_edge in zip(pairs, chosen, strict=True) if is_edge])


def subsets(size: int) -> Iterator[frozenset[int]]:
    for chosen in itertools.product([False, True], repeat=size):
        yield frozenset(node for node in range(size) if chosen[node])


def ancestors(graph: TaskGraph, node: int) -> set[int]:
    return graph.closure([node], downstream=False) - {node}


def walk(frontier: Frontier, failing: frozenset[int], *, width: int) -> tuple[list[int], dict[int, int]]:
    """Run `width` nodes at a time, oldest first; what ran, and who was skipped because of whom."""
    ran: list[int] = []
    running: list[int] = []
    skipped: dict[int, int] = {}
    while not frontier.is_done:
        while len(running) < width and frontier.has_ready:
            node = frontier.pop()
            assert node is not None
            running.append(node)
            ran.append(node)
        assert running, "the walk stands still although it is not done"
        node = running.pop(0)
        if node in failing:
            for below, cause in frontier.fail(node):
                assert below not in skipped, "skipped twice"
                skipped[below] = cause
        else:
            frontier.succeed(node)
    assert frontier.pop() is None
    assert not running
    return ran, skipped


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("size", SIZES)
def test_each_node_runs_once_after_what_it_needs_or_is_skipped_because_of_a_failed_ancestor(
    size: int, width: int
) -> None:
    for graph in all_graphs(size):
        for failing in subsets(size):
            ran, skipped = walk(Frontier(graph, frozenset(range(size))), failing, width=width)
            assert sorted([*ran, *skipped]) == list(range(size))
            for node in range(size):
                above = ancestors(graph, node)
                if node in skipped:
                    assert skipped[node] in above & failing & set(ran)
                else:
                    assert not above & failing
                    assert all(ran.index(before) < ran.index(node) for before in above)


@pytest.mark.parametrize("size", SIZES)
def test_nodes_that_are_not_wanted_count_as_done(size: int) -> None:
    for graph in all_graphs(size):
        for wanted in subsets(size):
            for failing in subsets(size):
                ran, skipped = walk(Frontier(graph, wanted), failing & wanted, width=2)
                assert sorted([*ran, *skipped]) == sorted(wanted)
                assert set(skipped) == {node for node in wanted if ancestors(graph, node) & failing & set(ran)}


@pytest.mark.parametrize("size", SIZES)
def test_one_at_a_time_the_walk_follows_the_order_of_the_graph(size: int) -> None:
    for graph in all_graphs(size):
        ran, skipped = walk(Frontier(graph, frozenset(range(size))), frozenset(), width=1)
        assert tuple(ran) == graph.order
        assert skipped == {}


@pytest.mark.parametrize(("above", "below"), list(itertools.product(range(4), range(4))))
def test_a_join_lets_pass_when_all_above_have_succeeded_and_is_never_handed_out(above: int, below: int) -> None:
    size, join = above + below, above + below
    edges = [(node, join) for node in range(above)] + [(join, above + node) for node in range(below)]
    graph = build_graph(size + 1, edges, first_join=size)
    for failing in subsets(size):
        ran, skipped = walk(Frontier(graph, frozenset(range(size))), failing, width=3)
        assert join not in ran
        assert sorted([*ran, *skipped]) == list(range(size))
        blamed = failing & set(range(above))
        assert set(skipped) == (set(range(above, size)) if blamed else set())
        assert set(skipped.values()) <= blamed


def test_a_node_is_blamed_on_the_failure_that_came_first() -> None:
    graph = build_graph(3, [(0, 2), (1, 2)])
    frontier = Frontier(graph, frozenset(range(3)))
    assert [frontier.pop(), frontier.pop(), frontier.pop()] == [0, 1, None]
    assert frontier.fail(1) == [(2, 1)]
    assert frontier.fail(0) == []
    assert frontier.is_done


def test_a_long_chain_that_is_not_wanted_is_no_recursion() -> None:
    graph = build_graph(20_000, [(n, n + 1) for n in range(19_999)])
    frontier = Frontier(graph, frozenset({19_999}))
    assert [frontier.pop(), frontier.pop()] == [19_999, None]


@pytest.mark.parametrize("size", SIZES)
def test_a_node_that_is_taken_back_is_stopped_as_if_it_had_not_been_handed_out(size: int) -> None:
    for graph in all_graphs(size):
        everything = frozenset(range(size))
        for failed in [node for node in everything if not ancestors(graph, node)]:
            taken, waiting = Frontier(graph, everything), Frontier(graph, everything)
            handed = []
            while (node := taken.pop()) is not None:
                handed.append(node)
            while waiting.pop() != failed:
                pass
            for node in handed:
                if node != failed:
                    taken.take_back(node)
            for one in (taken, waiting):
                one.fail(failed)
            later = [node for node in everything if not (node in handed and node <= failed)]
            assert taken.stop(failed, later) == waiting.stop(failed, later)
