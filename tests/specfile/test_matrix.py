"""Matrices: which combinations there are, what they are called, and what is refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskspec.specfile.matrix import combine
from taskspec.values import canonical
from tests.template.specs import expanded, needs, refused

LIMIT = 1000
AXES: dict[str, Any] = {"model": ["a", "b"], "lr": [0.1, 0.01]}


def keys(matrix: dict[str, Any]) -> list[str]:
    pairs, flaws = combine(matrix, LIMIT)
    assert not flaws
    return [key for key, _ in pairs]


def values(matrix: dict[str, Any]) -> dict[str, Any]:
    return dict(combine(matrix, LIMIT)[0])


def paths(matrix: dict[str, Any]) -> list[tuple[Any, ...]]:
    pairs, flaws = combine(matrix, LIMIT)
    assert bool(pairs) != bool(flaws)
    return [flaw.path for flaw in flaws]


def test_every_combination_is_there_in_the_order_of_the_axes() -> None:
    assert keys(AXES) == ["a,0.1", "a,0.01", "b,0.1", "b,0.01"]
    assert values(AXES)["b,0.01"] == {"model": "b", "lr": 0.01}
    assert keys({"x": [1, True, "s"]}) == ["1", "true", "s"]


def test_an_exclude_takes_out_every_combination_it_fits() -> None:
    assert keys({**AXES, "exclude": [{"model": "b", "lr": 0.1}]}) == ["a,0.1", "a,0.01", "b,0.01"]
    assert keys({**AXES, "exclude": [{"model": "b"}]}) == ["a,0.1", "a,0.01"]
    assert keys({"x": [1, 2], "exclude": [{"x": 1}, {"x": 2}]}) == []


def test_a_rule_tells_one_from_true_and_from_its_text() -> None:
    assert keys({"x": ["1", 2], "exclude": [{"x": 2}]}) == ["1"]
    assert paths({"x": ["1", 2], "exclude": [{"x": 1}]}) == [("exclude", 0)]
    assert paths({"x": [1, 2], "exclude": [{"x": True}]}) == [("exclude", 0)]


def test_an_include_adds_values_or_a_combination() -> None:
    found = values({**AXES, "include": [{"model": "c", "lr": 1, "note": "x"}, {"model": "a", "gpu": 2}, {"all": 1}]})
    assert list(found) == ["a,0.1", "a,0.01", "b,0.1", "b,0.01", "c,1"]
    assert found["c,1"] == {"model": "c", "lr": 1, "note": "x", "all": 1}
    assert found["a,0.1"] == {"model": "a", "lr": 0.1, "gpu": 2, "all": 1}
    assert "gpu" not in found["b,0.1"]


def test_an_include_brings_back_what_an_exclude_took() -> None:
    assert keys({"x": [1, 2], "exclude": [{"x": 1}], "include": [{"x": 1}]}) == ["2", "1"]


@pytest.mark.parametrize(
    ("matrix", "path"),
    [
        ({"include": [{"x": 1}]}, ()),
        ({"x": "text"}, ("x",)),
        ({"x": [1, None]}, ("x", 1)),
        ({"x": [[1]]}, ("x", 0)),
        ({"value": [1]}, ("value",)),
        ({"x": [1], "exclude": {"x": 1}}, ("exclude",)),
        ({"x": [1], "exclude": [{}]}, ("exclude", 0)),
        ({"x": [1], "exclude": [{"y": 1}]}, ("exclude", 0, "y")),
        ({"x": [1], "exclude": [{"x": 2}]}, ("exclude", 0)),
        ({"x": [1], "include": [{"x": 1}]}, ("include", 0)),
        ({"x": [1], "include": [{"x": [2]}]}, ("include", 0)),
        ({"x": [1], "include": [{"key": 2}]}, ("include", 0)),
        ({"x": [1], "y": [2], "include": [{"x": 3}]}, ("include", 0)),
        ({"x": list(range(40)), "y": list(range(40))}, ()),
    ],
)
def test_what_is_wrong_is_reported_at_its_place(matrix: dict[str, Any], path: tuple[Any, ...]) -> None:
    assert paths(matrix) == [path]


scalars = st.one_of(st.integers(0, 3), st.booleans(), st.sampled_from(["a", "b", "1"]))
axes = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(scalars, min_size=1, max_size=3), min_size=1)


@given(axes, st.data())
def test_combinations_are_the_product_less_what_is_excluded(matrix: dict[str, Any], data: st.DataObject) -> None:
    product = [dict(zip(matrix, row, strict=True)) for row in itertools.product(*matrix.values())]
    whole = data.draw(st.sampled_from(product))
    rule = {name: whole[name] for name in data.draw(st.sets(st.sampled_from(sorted(matrix)), min_size=1))}
    pairs, flaws = combine({**matrix, "exclude": [rule]}, LIMIT)
    left = [row for row in product if any(canonical(row[name]) != canonical(value) for name, value in rule.items())]
    assert not flaws
    assert canonical([row for _, row in pairs]) == canonical(left)


def test_cells_of_equal_keys_are_tied_and_a_matrix_goes_with_a_for_each() -> None:
    expansion = expanded(
        {
            "train": {"matrix": AXES, "results": {"m": 1}},
            "same": {"matrix": AXES, "params": {"p": "{{ tasks.train[each.key].results.m }}"}},
            "one": {"params": {"p": "{{ tasks.train['a,0.1'].results.m }}"}},
            "list": {"for_each": ["a,0.1"], "params": {"p": "{{ tasks.train[each.key].id }}", "m": "{{ each.value }}"}},
        }
    )
    found = needs(expansion)
    assert found["same[b,0.01]"] == ["train[b,0.01]"]
    assert found["one"] == found["list[a,0.1]"] == ["train[a,0.1]"]


def test_axes_may_come_from_variables() -> None:
    matrix = {"model": "{{ var.models }}", "lr": [1], "exclude": "{{ var.without }}"}
    expansion = expanded({"t": {"matrix": matrix}}, {"models": ["a", "b"], "without": [{"model": "a"}]})
    assert [i.address for i in expansion.instances] == ["t[b,1]"]
    assert expansion.instances[0].each == {"model": "b", "lr": 1, "key": "b,1", "value": {"model": "b", "lr": 1}}


def test_a_value_that_cannot_be_in_an_address_is_refused() -> None:
    assert len(refused({"t": {"matrix": {"x": ["a]", "b"]}}})) == 1
    assert len(refused({"t": {"matrix": {"x": ["a,b", "a"], "y": ["c", "b,c"]}}})) == 1
