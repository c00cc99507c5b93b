"""From tasks to instances: addresses that come from values, edges from cell to cell, joins in between."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.diagnostics import Code
from taskspec.template.expansion.for_each import KEY_LIMIT
from taskspec.values import Unknown
from tests.template.specs import expanded, needs, refused


def addresses(for_each: Any, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    return {i.address: i.value for i in expanded({"t": {"for_each": for_each}}, variables).instances}


@pytest.mark.parametrize(
    ("for_each", "expected"),
    [
        (["a", "b"], {"t[a]": "a", "t[b]": "b"}),
        ([1, True, 0.5, "YOLO/s-det"], {"t[1]": 1, "t[true]": True, "t[0.5]": 0.5, "t[YOLO/s-det]": "YOLO/s-det"}),
        ({"a": {"w": 1}, "b": None}, {"t[a]": {"w": 1}, "t[b]": None}),
        ("{{ var.l }}", {"t[x]": "x", "t[y]": "y"}),
        ("{{ var.m }}", {"t[k]": [1]}),
        (["{{ var.l[0] }}", "z"], {"t[x]": "x", "t[z]": "z"}),
        ([], {}),
        ({}, {}),
    ],
)
def test_addresses_come_from_the_values(for_each: Any, expected: dict[str, Any]) -> None:
    assert addresses(for_each, {"l": ["x", "y"], "m": {"k": [1]}}) == expected


@given(st.lists(st.sampled_from(["a", "b", "c", "d", "e"]), unique=True))
def test_an_address_does_not_depend_on_what_stands_next_to_it(items: list[str]) -> None:
    assert addresses(items) == {f"t[{item}]": item for item in items}


@pytest.mark.parametrize("key", ["", "a[0]", "]", "it's", '"', "a\nb", "\x1b[31m", "\u202e", "x" * (KEY_LIMIT + 1)])
def test_a_key_that_would_make_an_address_unclear_is_refused(key: str) -> None:
    assert [p.code for p in refused({"t": {"for_each": {key: 1}}})] == [Code.FAN_OUT]
    assert [p.code for p in refused({"t": {"for_each": [key]}})] == [Code.FAN_OUT]


@pytest.mark.parametrize(
    "for_each", [["a", "a"], ["1", 1], [True, "true"], [{"a": 1}], [["a"]], [None], "text", "{{ var.n }}"]
)
def test_what_gives_no_clear_addresses_is_refused(for_each: Any) -> None:
    assert [p.code for p in refused({"t": {"for_each": for_each}}, {"n": 3})] == [Code.FAN_OUT]


UP: dict[str, Any] = {"for_each": ["a", "b"]}


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        ({"params": {"p": "{{ tasks.u['b'].id }}"}}, {"d": ["u[b]"]}),
        ({"params": {"p": "{{ tasks.u | length }}"}}, {"d": ["u[a]", "u[b]"]}),
        ({"for_each": ["a", "b"], "params": {"p": "{{ tasks.u[each.key].id }}"}}, {"d[a]": ["u[a]"], "d[b]": ["u[b]"]}),
        ({"for_each": ["a"], "params": {"p": "{{ tasks.u[each.key].id }}"}}, {"d[a]": ["u[a]"]}),
        ({"for_each": {"x": "a"}, "params": {"p": "{{ tasks.u[each.value].id }}"}}, {"d[x]": ["u[a]", "u[b]"]}),
        ({"for_each": ["x", "y"], "depends_on": "u"}, {"d[x]": ["u[a]", "u[b]"], "d[y]": ["u[a]", "u[b]"]}),
        ({"for_each": [], "depends_on": "u"}, {}),
    ],
)
def test_edges_go_from_cell_to_cell_where_the_cell_is_named(
    down: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    assert needs(expanded({"u": UP, "d": down})) == {"u[a]": [], "u[b]": [], **expected}


def test_what_waits_for_an_empty_fan_out_waits_for_nothing() -> None:
    expansion = expanded(
        {"u": {"for_each": []}, "d": {"for_each": ["x", "y"], "depends_on": "u"}, "e": {"depends_on": "u"}}
    )
    assert needs(expansion) == {"d[x]": [], "d[y]": [], "e": []}


@given(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6))
def test_all_to_all_costs_a_sum_of_edges_not_a_product(first: int, second: int, third: int) -> None:
    tasks: dict[str, Any] = {
        "a": {"for_each": list(range(first))},
        "b": {"for_each": list(range(second)), "depends_on": "a"},
        "c": {"for_each": list(range(third)), "depends_on": ["a", "b"]},
    }
    expansion = expanded(tasks)
    above = {"a": [], "b": ["a"], "c": ["a", "b"]}
    size = {"a": first, "b": second, "c": third}
    wanted = {
        f"{n}[{k}]": sorted(f"{u}[{j}]" for u in above[n] for j in range(size[u]))
        for n in tasks
        for k in range(size[n])
    }
    assert needs(expansion) == wanted
    assert sum(map(len, expansion.graph.predecessors)) <= 2 * (first + second + third) + third


def test_the_cell_that_is_missing_upstream_is_named() -> None:
    (problem,) = refused({"u": UP, "d": {"for_each": ["a", "c"], "params": {"p": "{{ tasks.u[each.key].id }}"}}})
    assert problem.summary == 'task "d": there is no instance u[c]'
    assert problem.remedy == "Instances: a, b."


@pytest.mark.parametrize("for_each", ["{{ var.n }}", ["a", "{{ var.n }}"]])
def test_items_that_are_not_known_yet_raise_no_complaint(for_each: Any) -> None:
    """A spec is validated without the values of its variables."""
    down = {"for_each": ["a"], "params": {"p": "{{ tasks.u[each.key].id }}", "q": "{{ tasks.u['z'].id }}"}}
    expansion = expanded({"u": {"for_each": for_each}, "d": down}, {"n": Unknown("var.n")})
    assert [i.address for i in expansion.instances] == ["d[a]"]


def test_instances_keep_the_order_of_the_spec() -> None:
    tasks: dict[str, Any] = {"z": {"depends_on": "a"}, "m": {"for_each": ["2", "1"]}, "a": {}}
    expansion = expanded(tasks)
    assert [i.address for i in expansion.instances] == ["z", "m[2]", "m[1]", "a"]
    assert [expansion.instances[node].address for node in expansion.graph.order] == ["m[2]", "m[1]", "a", "z"]


def ring(size: int) -> dict[str, Any]:
    return {f"t{n}": {"params": {"p": f"{{{{ tasks.t{(n + 1) % size}.id }}}}"}} for n in range(size)}


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_cycle_is_reported_as_the_path_of_the_references_that_make_it(size: int) -> None:
    (problem,) = refused({**ring(size), "free": {}, "after": {"depends_on": "t0"}})
    assert problem.code is Code.CYCLE
    names = problem.summary.removeprefix("tasks wait for each other: ").split(" → ")
    assert names[0] == names[-1]
    assert sorted(names[1:]) == sorted(f"t{n}" for n in range(size))
    for line, (name, upstream) in zip(problem.detail.splitlines(), itertools.pairwise(names), strict=True):
        assert line.startswith(f"{name} needs {upstream}: tasks.{upstream}.id (spec.yaml:")
