"""The frontier with rules: every small graph with every rule and every end, and large ones with joins.

How each node should end is worked out from its predecessors alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from enum import StrEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taskspec.engine.schedule.frontier import Frontier, Rule, Skip, rule_of
from taskspec.graph import TaskGraph, build_graph
from taskspec.specfile.fields.kinds import RunOn

from .test_frontier import all_graphs, ancestors


class End(StrEnum):
    """How a node ends once it is handed out."""

    SUCCESS = "success"
    FAILURE = "failure"
    NOT_WANTED = "not_wanted"


class Mode(StrEnum):
    """The rules there are."""

    PLAIN = "plain"
    GOES_ON = "goes_on"
    ON_FAILURE = "on_failure"
    ALWAYS = "always"


def rules_for(graph: TaskGraph, modes: Sequence[Mode], tasks: Sequence[str]) -> dict[int, Rule]:
    run_on = {Mode.ON_FAILURE: RunOn.FAILURE, Mode.ALWAYS: RunOn.ALWAYS}
    return {
        node: rule_of(graph, node, run_on.get(mode, RunOn.SUCCESS), tasks.__getitem__)
        for node, mode in enumerate(modes)
        if mode is not Mode.PLAIN
    }


def expected(
    graph: TaskGraph, modes: Sequence[Mode], ends: Sequence[End], tasks: Sequence[str]
) -> tuple[dict[int, str], set[int]]:
    """What each node comes to, and the nodes that a failure reaches."""
    became: dict[int, str] = {}
    blamed: set[int] = set()
    for node in graph.order:
        if graph.is_join(node):
            continue
        above = graph.upstream(node)
        is_blamed = any(before in blamed for before in above)
        runs = {
            Mode.PLAIN: all(became[before] == End.SUCCESS for before in above),
            Mode.GOES_ON: all(
                any(became[before] == End.SUCCESS for before in above if tasks[before] == task)
                for task in {tasks[before] for before in above}
            ),
            Mode.ON_FAILURE: is_blamed,
            Mode.ALWAYS: True,
        }[modes[node]]
        became[node] = str(ends[node]) if runs else "skipped"
        if became[node] == End.FAILURE or (is_blamed and became[node] != End.SUCCESS):
            blamed.add(node)
    return became, blamed


def check(graph: TaskGraph, modes: Sequence[Mode], ends: Sequence[End], tasks: Sequence[str], width: int) -> None:
    """Walk the graph `width` nodes at a time and compare all that is reported with what is expected."""
    frontier = Frontier(graph, frozenset(range(graph.first_join)), rules_for(graph, modes, tasks))
    became: dict[int, str] = {}
    causes: dict[int, int] = {}
    running: list[int] = []

    def note_skips(skips: Sequence[Skip]) -> None:
        for node, cause in skips:
            assert node not in became, "reported twice"
            became[node], causes[node] = "skipped", cause

    note_skips(frontier.skipped_at_once)
    while not frontier.is_done:
        while len(running) < width and (node := frontier.pop()) is not None:
            assert modes[node] is Mode.PLAIN or ancestors(graph, node).intersection(range(graph.first_join)) <= set(
                became
            ), "handed out before all that it needs has ended"
            running.append(node)
        assert running, "the walk stands still although it is not done"
        node = running.pop(0)
        assert node not in became, "handed out after it was skipped, or twice"
        became[node] = str(ends[node])
        end = {End.SUCCESS: frontier.succeed, End.FAILURE: frontier.fail, End.NOT_WANTED: frontier.skip}
        note_skips(end[ends[node]](node))
    assert frontier.pop() is None
    assert not running
    right, blamed = expected(graph, modes, ends, tasks)
    assert became == right
    for node, cause in causes.items():
        if cause == node:
            assert modes[node] is Mode.ON_FAILURE
            assert node not in blamed
        else:
            assert cause in ancestors(graph, node)
            assert became[cause] != End.SUCCESS
            assert frontier.failed(cause) == (became[cause] == End.FAILURE)
            assert node in blamed or not frontier.failed(cause)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_each_node_comes_to_what_its_rule_says(size: int, width: int) -> None:
    for graph in all_graphs(size):
        for modes in itertools.product(Mode, repeat=size):
            for ends in itertools.product(End, repeat=size):
                check(graph, modes, ends, ["a"] * size, width)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[TaskGraph, list[Mode], list[End], list[str], int]:
    """Tasks in a row, each with up to four instances that need instances, or through a join the whole, of earlier."""
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    firsts = [sum(sizes[:index]) for index in range(len(sizes))]
    tasks = [f"t{index}" for index, size in enumerate(sizes) for _ in range(size)]
    count = len(tasks)
    modes = draw(st.lists(st.sampled_from(Mode), min_size=count, max_size=count))
    ends = draw(st.lists(st.sampled_from(End), min_size=count, max_size=count))
    edges, joins = [], {}
    for index in range(1, len(sizes)):
        for node in range(firsts[index], firsts[index] + sizes[index]):
            for above in draw(st.sets(st.integers(0, index - 1), max_size=3)):
                members = range(firsts[above], firsts[above] + sizes[above])
                if draw(st.booleans()):
                    edges.append((draw(st.sampled_from(members)), node))
                    continue
                if above not in joins:
                    joins[above] = count + len(joins)
                    edges += [(member, joins[above]) for member in members]
                edges.append((joins[above], node))
    graph = build_graph(count + len(joins), dict.fromkeys(edges), first_join=count)
    return graph, modes, ends, tasks, draw(st.integers(1, 4))


@settings(max_examples=400, deadline=None)
@given(worlds())
def test_each_node_comes_to_what_its_rule_says_through_joins_too(
    world: tuple[TaskGraph, list[Mode], list[End], list[str], int],
) -> None:
    check(*world)


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_after_a_stop_only_clean_up_is_handed_out_and_all_have_an_outcome(
    world: tuple[TaskGraph, list[Mode], list[End], list[str], int],
) -> None:
    graph, modes, ends, tasks, width = world
    wanted = frozenset(range(graph.first_join))
    frontier = Frontier(graph, wanted, rules_for(graph, modes, tasks))
    ended: dict[int, str] = {}
    running: list[int] = []
    because: dict[int, int] = {}

    def note_skips(skips: Sequence[Skip]) -> None:
        for node, cause in skips:
            assert node not in ended
            assert node not in running
            ended[node], because[node] = "skipped", cause

    note_skips(frontier.skipped_at_once)
    is_stopped = False
    while not frontier.is_done:
        while len(running) < width and (node := frontier.pop()) is not None:
            assert not is_stopped or modes[node] in (Mode.ON_FAILURE, Mode.ALWAYS)
            running.append(node)
        assert running
        node = running.pop(0)
        ended[node] = str(ends[node])
        if ends[node] is End.FAILURE:
            note_skips(frontier.fail(node))
            if not is_stopped:
                note_skips(frontier.stop(node, wanted))
                is_stopped = True
        else:
            note_skips(frontier.succeed(node) if ends[node] is End.SUCCESS else frontier.skip(node))
    assert ended.keys() == wanted
    for node in wanted:
        assert modes[node] is not Mode.ALWAYS or ended[node] != "skipped"
        if modes[node] is Mode.ON_FAILURE and ended[node] == "skipped":
            above = {because.get(before, before) for before in graph.upstream(node)}
            assert not any(ended[cause] == End.FAILURE for cause in above), "clean-up of a failure was left out"


def chain(size: int, rules: Mapping[int, Rule]) -> Frontier:
    graph = build_graph(size, [(n, n + 1) for n in range(size - 1)])
    return Frontier(graph, frozenset(range(size)), rules)


def test_a_long_chain_of_skipped_nodes_ends_in_its_clean_up_without_recursion() -> None:
    frontier = chain(20_000, {19_999: Rule(RunOn.FAILURE)})
    assert frontier.pop() == 0
    assert len(frontier.fail(0)) == 19_998
    assert frontier.pop() == 19_999


def test_clean_up_waits_for_what_runs_next_to_a_failure() -> None:
    graph = build_graph(4, [(0, 2), (1, 2), (2, 3)])
    frontier = Frontier(graph, frozenset(range(4)), {3: Rule(RunOn.ALWAYS)})
    assert [frontier.pop(), frontier.pop()] == [0, 1]
    assert frontier.fail(0) == [(2, 0)]
    assert frontier.pop() is None
    frontier.succeed(1)
    assert frontier.pop() == 3
